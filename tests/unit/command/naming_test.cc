#include "command/naming.h"

#include "command/catalog_builder.h"
#include "command/knowledge.h"

#include "keyward/command/command.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace keyward::command {
namespace {

std::string names_in(const std::vector<std::string_view>& args) {
  Command command;
  const Analysis analysis = analyse(*Catalog::built_in(), args, command);
  if (analysis.verdict != Verdict::ok) return analysis.text;
  std::string out;
  for (const NameUse& use : command.names) {
    if (!out.empty()) out += ' ';
    out += (use.channel ? "channel " : "key ") + std::string(args[use.arg]);
  }
  return out;
}

bool runs(const CommandInfo& info) {
  return info.exposure != Exposure::never && (!info.container || info.arity == -1);
}

// Whoever adds a command to the table must say what it names, or it cannot run under a namespace
// and this fails.
TEST(Naming, EveryCommandThatCanBeGrantedWasLookedAt) {
  std::size_t looked_at = 0;
  for (const CommandInfo& info : Catalog::built_in()->all()) {
    if (!runs(info)) continue;
    EXPECT_NE(info.naming, Naming::unknown) << info.name << " stands in no list of naming.cc";
    ++looked_at;
  }
  EXPECT_GT(looked_at, 250U);
}

TEST(Naming, NothingIsSaidOfWhatNobodyRuns) {
  for (const CommandInfo& info : Catalog::built_in()->all()) {
    if (runs(info)) continue;
    EXPECT_EQ(info.naming, Naming::unknown) << info.name;
  }
}

TEST(Naming, ACommandNobodyJudgedIsUnknown) {
  EXPECT_FALSE(names_of("json.get").has_value());
  EXPECT_FALSE(names_of("").has_value());
}

// Keys that key-specs cannot tell must be found by a grammar, or the analysis refuses the command.
TEST(Naming, KeySpecsOfWhatRunsAreComplete) {
  for (const CommandInfo& info : Catalog::built_in()->all()) {
    if (!runs(info)) continue;
    for (const KeySpec& spec : info.key_specs) {
      if (spec.not_key) {
        const bool channels = info.kind == Kind::publish || info.kind == Kind::ssubscribe ||
                              info.kind == Kind::sunsubscribe;
        EXPECT_TRUE(channels) << info.name;
        continue;
      }
      const bool by_grammar =
          info.grammar == Grammar::streams || info.name == "sort" || info.name == "sort_ro";
      EXPECT_TRUE(by_grammar || (!spec.incomplete && spec.begin != KeySpec::Begin::unknown &&
                                 spec.find != KeySpec::Find::unknown))
          << info.name;
    }
  }
}

TEST(Naming, FindsNamesThatAreNeitherKeysNorSubscribed) {
  EXPECT_EQ(names_in({"KEYS", "a*"}), "key a*");
  EXPECT_EQ(names_in({"SCAN", "0", "COUNT", "5", "match", "MATCH"}), "key MATCH");
  EXPECT_EQ(names_in({"SCAN", "0"}), "");
  EXPECT_EQ(names_in({"UNSUBSCRIBE", "a", "b"}), "channel a channel b");
  EXPECT_EQ(names_in({"PUNSUBSCRIBE"}), "");
  EXPECT_EQ(names_in({"SUNSUBSCRIBE", "s"}), "channel s");
  EXPECT_EQ(names_in({"PUBSUB", "CHANNELS"}), "");
  EXPECT_EQ(names_in({"PUBSUB", "channels", "c*"}), "channel c*");
  EXPECT_EQ(names_in({"PUBSUB", "NUMSUB", "a", "b"}), "channel a channel b");
  EXPECT_EQ(names_in({"PUBSUB", "SHARDNUMSUB", "a"}), "channel a");
  EXPECT_EQ(names_in({"PUBSUB", "SHARDCHANNELS", "a"}), "channel a");
  EXPECT_EQ(names_in({"CLUSTER", "KEYSLOT", "k"}), "key k");
  EXPECT_EQ(names_in({"SORT", "k", "BY", "nosort", "GET", "#"}), "");
  EXPECT_EQ(names_in({"HSCAN", "h", "0", "MATCH", "f*"}), "");
  EXPECT_EQ(names_in({"GET", "k"}), "");
  EXPECT_EQ(names_in({"COMMAND", "GETKEYS", "GET", "k"}), "");
}

TEST(Naming, AnswersThatNameKeys) {
  const auto catalog = Catalog::built_in();
  const auto answer = [&](std::string_view name) { return catalog->by_name(name)->answer; };
  EXPECT_EQ(answer("get"), Answer::nameless);
  EXPECT_EQ(answer("blmpop"), Answer::first_key);
  EXPECT_EQ(answer("xreadgroup"), Answer::streams);
  EXPECT_EQ(answer("xinfo|consumers"), Answer::quotes);
  EXPECT_EQ(answer("pubsub|shardnumsub"), Answer::channel_counts);
  EXPECT_EQ(catalog->by_name("evalsha")->naming, Naming::script);
  EXPECT_EQ(catalog->by_name("dbsize")->naming, Naming::common);
}

}  // namespace
}  // namespace keyward::command
