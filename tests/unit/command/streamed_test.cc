// Whatever analyse_head() lets be streamed must be a value: no bytes in its place may change the
// judgement.
#include "support/command_gen.h"

#include "keyward/command/command.h"

#include <gtest/gtest.h>

#include <random>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace keyward::command {
namespace {

struct Outcome {
  Verdict verdict = Verdict::ok;
  std::vector<std::pair<std::uint32_t, int>> keys;
  std::vector<std::uint32_t> channels;
  bool blocks = false, mutates = false;
  friend bool operator==(const Outcome&, const Outcome&) = default;
};

Outcome judge(const std::vector<std::string_view>& args) {
  Command command;
  Outcome outcome;
  outcome.verdict = analyse(*Catalog::built_in(), args, command).verdict;
  for (const KeyUse& key : command.keys) outcome.keys.emplace_back(key.arg, key.access);
  for (const ChannelUse& channel : command.channels) outcome.channels.push_back(channel.arg);
  outcome.blocks = command.blocks;
  outcome.mutates = command.mutates;
  return outcome;
}

TEST(AnalyseHead, NothingStreamedCanChangeTheJudgement) {
  constexpr std::string_view kJunk[] = {"",   "GET",   "NX",      "STORE", "STREAMS", "2",
                                        "-1", "*",     "LIMIT",   "~",     "EX",      "a b",
                                        "xx", "COUNT", "weights", "=",     "maxlen",  "load"};
  std::mt19937_64 random(42);
  const std::vector<std::string> keys = {"a", "b", "nx", "2"};
  std::set<std::string> streamed;
  for (int i = 0; i < 40'000; ++i) {
    const auto request = test::random_command(*Catalog::built_in(), random, keys);
    std::vector<std::string_view> args(request.begin(), request.end());
    const Outcome before = judge(args);
    if (before.verdict != Verdict::ok) continue;
    for (std::size_t at = 1; at < args.size(); ++at) {
      Command command;
      const std::span<const std::string_view> head(args.data(), at);
      const Analysis analysis =
          analyse_head(*Catalog::built_in(), head, {args.size(), at}, command);
      if (analysis.verdict != Verdict::ok || command.info->exposure == Exposure::never) continue;
      streamed.insert(command.info->name);
      for (const KeyUse& key : command.keys) EXPECT_LT(key.arg, at);
      auto changed = args;
      for (const std::string_view junk : kJunk) {
        changed[at] = junk;
        ASSERT_EQ(judge(changed), before)
            << command.info->name << " argument " << at << ": " << junk;
      }
    }
  }
  EXPECT_GE(streamed.size(), 30U);
}

}  // namespace
}  // namespace keyward::command
