#include "keyward/command/script_calls.h"

#include <gmock/gmock.h>

namespace keyward::command {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::vector<std::string_view> calls(std::string_view text) {
  static const auto catalog = Catalog::built_in();
  return calls_in_script(text, *catalog);
}

TEST(ScriptCallsTest, FindsLiteralNames) {
  EXPECT_THAT(
      calls("if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call(\"DEL\",KEYS[1]) end"),
      ElementsAre("get", "del"));
  EXPECT_THAT(
      calls("redis.pcall( 'ZRangeByScore' , k)\nredis.call\t('get', k) redis.call('get', j)"),
      ElementsAre("zrangebyscore", "get"));
  EXPECT_THAT(calls("local call = redis.call\ncall('xgroup', 'create', s)"),
              ElementsAre("xgroup|create"));
  EXPECT_THAT(calls("redis.call 'time'"), ElementsAre("time"));
}

TEST(ScriptCallsTest, TellsNothingButNamesOfCommands) {
  EXPECT_THAT(calls("redis.call('secret-of-mine', k) redis.call(cmd, k) redis.call(ARGV[1])"),
              IsEmpty());
  EXPECT_THAT(calls("call"), IsEmpty());
  EXPECT_THAT(calls("redis.call('"), IsEmpty());
  EXPECT_THAT(calls("redis.call('get"), IsEmpty());
  EXPECT_THAT(calls(""), IsEmpty());
}

TEST(ScriptCallsTest, IsBounded) {
  static const auto catalog = Catalog::built_in();
  std::string text;
  for (const CommandInfo& info : catalog->all()) {
    const std::size_t bar = info.name.find('|');
    text += "redis.call('" + info.name.substr(0, bar) +
            (bar == std::string::npos ? "" : "','" + info.name.substr(bar + 1)) + "')\n";
  }
  EXPECT_EQ(calls_in_script(text, *catalog).size(), 64U);
  EXPECT_THAT(calls(std::string(300'000, ' ') + "redis.call('get')"), IsEmpty());
}

}  // namespace
}  // namespace keyward::command
