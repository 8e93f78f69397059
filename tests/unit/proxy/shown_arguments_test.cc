// Which arguments of a request stand in its record: over every command of the table, never a value.
#include "proxy/draft.h"

#include "support/command_gen.h"

#include "keyward/command/catalog.h"
#include "keyward/command/command.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <string>
#include <vector>

namespace keyward::proxy {
namespace {

using Words = std::vector<std::string>;

std::string shown(const Words& words) {
  static const auto catalog = command::Catalog::built_in();
  static Drafts drafts;
  const std::vector<std::string_view> args(words.begin(), words.end());
  command::Command command;
  const auto analysis = command::analyse(*catalog, args, command);
  if (analysis.verdict != command::Verdict::ok) return {};
  return drafts.show(command).text;
}

std::string query(const Words& words) {
  const std::string text = shown(words);
  const std::size_t at = text.find(R"("query_string":")");
  if (at == std::string::npos) return {};
  const std::size_t from = at + 16;
  return text.substr(from, text.find('"', from) - from);
}

TEST(ShownArguments, OptionsAndCountsAreShownAndDataIsNot) {
  EXPECT_EQ(query({"set", "k", "42", "ex", "60", "NX"}), "SET k <2 bytes> EX 60 NX");
  EXPECT_EQ(query({"SET", "k", "NX"}), "SET k <2 bytes>") << "a value that reads as an option";
  EXPECT_EQ(query({"EXPIRE", "k", "3600", "gt"}), "EXPIRE k 3600 GT");
  EXPECT_EQ(query({"SETEX", "k", "60", "4711"}), "SETEX k 60 <4 bytes>");
  EXPECT_EQ(query({"INCRBY", "k", "42"}), "INCRBY k <2 bytes>") << "an amount is data";
  EXPECT_EQ(query({"EXPIRE", "k", "secret"}), "EXPIRE k <6 bytes>");
  EXPECT_EQ(query({"EXPIRE", "k", "4111111111111111"}), "EXPIRE k <16 bytes>")
      << "longer than any moment";
  EXPECT_EQ(query({"LRANGE", "l", "0", "-1"}), "LRANGE l 0 -1");
  EXPECT_EQ(query({"ZADD", "z", "5", "m"}), "ZADD z <1 byte> <1 byte>");
  EXPECT_EQ(query({"ZUNION", "2", "a", "b", "WITHSCORES"}), "ZUNION 2 a b WITHSCORES");
  EXPECT_EQ(query({"EVAL", "return 1", "1", "k", "7"}), "EVAL <8 bytes> 1 k <1 byte>");
  EXPECT_EQ(query({"SCAN", "0", "MATCH", "p*", "COUNT", "10"}),
            "SCAN 0 MATCH <2 bytes> COUNT 10");
}

// A marker in every place that may hold data, whatever else stands in the request.
TEST(ShownArguments, E809NoValueOfAnyCommandIsShown) {
  constexpr std::string_view kText = "SECRETVALUE", kNumber = "918273645918";
  std::mt19937_64 random(11);
  const Words pool{"key:1", "key:2"};
  test::CommandGenerator generator(random, pool);
  generator.filler = [&](char type, std::string_view name) -> std::string {
    const auto has = [&](std::string_view part) { return name.find(part) != name.npos; };
    if (has("channel")) return {};
    if (type == 's' || type == 'p') return std::string(kText);
    if (type == 'd') return std::string(kNumber) + ".5";
    const bool data = has("value") || has("increment") || has("decrement") || has("score");
    return type == 'i' && data ? std::string(kNumber) : std::string();
  };
  std::map<std::string, int, std::less<>> fits;
  for (const auto& [name, syntax] : test::CommandGenerator::syntaxes()) {
    if (name == "psubscribe") continue;  // its patterns are names of channels
    for (int round = 0; round < 60; ++round) {
      const Words words = generator.request(name);
      const std::string text = shown(words);
      if (text.empty()) continue;
      ++fits[name];
      const bool leaks =
          text.find(kText) != std::string::npos || text.find(kNumber) != std::string::npos;
      std::string request;
      for (const std::string& word : words) request += word + " ";
      EXPECT_FALSE(leaks) << request << "\n" << text;
    }
  }
  EXPECT_GT(fits.size(), 200U);
  for (const char* name : {"set", "hset", "zadd", "eval", "setex", "incrby", "lpush", "xadd"})
    EXPECT_GT(fits[name], 0) << name;
}

}  // namespace
}  // namespace keyward::proxy
