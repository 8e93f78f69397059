#include "keyward/trigger/redis_user.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace keyward::trigger {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::Not;

std::vector<Rule> rules() {
  Rule orders;
  orders.name = "orders";
  orders.source = {SourceKind::stream, "shop:orders", "keyward"};
  orders.dead_letter.stream = "shop:dead";
  Rule jobs = orders;
  jobs.name = "jobs";
  jobs.source = {SourceKind::channel, "shop:jobs", "keyward"};
  jobs.dead_letter.stream = "odd[*]";
  return {orders, jobs};
}

TEST(RedisUser, ReachesTheStreamsOfTheRulesAlone) {
  const auto words = make_redis_user("i1", Secret("secret"), rules(), true);
  EXPECT_EQ(words[2], "kwt_i1");
  EXPECT_EQ(words[3], "reset");
  EXPECT_THAT(words,
              Contains("(~shop:orders +xgroup|create +xreadgroup +xautoclaim +xclaim +xack)"));
  EXPECT_THAT(words, Contains("(~shop:dead +xadd)"));
  EXPECT_THAT(words, Contains("(~odd\\[\\*\\] +xadd)"));
  EXPECT_THAT(words, Contains(HasSubstr("(~keyward:fleet:trigger:* ")));
  EXPECT_THAT(words, Not(Contains(HasSubstr("shop:jobs"))));
  EXPECT_THAT(words, Not(Contains(HasSubstr("secret"))));
}

TEST(RedisUser, HasNoSelectorsBeforeRedis7) {
  const auto words = make_redis_user("i1", Secret("secret"), rules(), false);
  EXPECT_THAT(words, Contains("~shop:orders"));
  EXPECT_THAT(words, Contains("+xreadgroup"));
  EXPECT_THAT(words, Not(Contains(HasSubstr("("))));
}

}  // namespace
}  // namespace keyward::trigger
