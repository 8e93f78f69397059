#include "keyward/credential/life.h"

#include "credential/minute.h"

#include <gtest/gtest.h>

namespace keyward::credential {
namespace {

using namespace std::chrono_literals;

const WallTime kNow{std::chrono::seconds(1'800'000'000)};

TEST(Life, IsTheShortestOfWhatIsAskedThePolicyAndTheToken) {
  struct Case {
    std::chrono::seconds asked, policy, token, session, is;
    std::string_view by;
  };
  const Case cases[] = {
      {0s, 1h, 2h, 0s, 1h, "policy"},    {30min, 1h, 2h, 0s, 30min, "asked"},
      {3h, 1h, 2h, 0s, 1h, "policy"},    {0s, 2h, 1h, 0s, 1h, "token"},
      {90min, 2h, 1h, 0s, 1h, "token"},  {0s, 12h, 1h, 8h, 8h, "token"},
      {0s, 6h, 1h, 8h, 6h, "policy"},    {0s, 24h, 24h, 24h, 12h, "policy"},
      {0s, 12h, 13h, 1h, 12h, "policy"}, {1h, 1h, 1h, 0s, 1h, "asked"},
      {0s, 1h, -5s, 0s, -5s, "token"},   {0s, 1h, 1h, 30min, 1h, "policy"},
  };
  for (const Case& one : cases) {
    const Life life = first_life({one.asked, one.policy, kNow + one.token, one.session}, kNow);
    EXPECT_EQ(life.ends - kNow, one.is) << one.by;
    EXPECT_EQ(life.limited_by, one.by);
  }
}

TEST(Life, NoRenewalLeadsBeyondTheLast) {
  const LifeRules rules{.asked = 10min, .policy = 15min, .token_ends = kNow + 5h, .session = 0s};
  EXPECT_EQ(next_life(rules, kNow + 20min, kNow).ends, kNow + 10min);
  EXPECT_EQ(next_life(rules, kNow + 7min, kNow).ends, kNow + 7min);
  EXPECT_EQ(next_life(rules, kNow + 7min, kNow).limited_by, "policy");
  EXPECT_LT(next_life(rules, kNow - 1s, kNow).ends, kNow);
  EXPECT_EQ(next_life({.asked = 10min, .policy = 15min, .token_ends = kNow + 1min, .session = 0s},
                      kNow + 20min, kNow)
                .ends,
            kNow + 1min);
}

TEST(Minute, CountsPerNameAndForgets) {
  Minute minute(2);
  const MonoTime now{};
  const MonoTime start = now + 1h;
  EXPECT_TRUE(minute.allows("a", start));
  minute.count("a", start);
  EXPECT_TRUE(minute.allows("a", start));
  minute.count("a", start + 30s);
  EXPECT_FALSE(minute.allows("a", start + 31s));
  EXPECT_TRUE(minute.allows("b", start + 31s));
  EXPECT_TRUE(minute.allows("a", start + 61s));
  minute.count("a", start + 61s);
  EXPECT_TRUE(minute.allows("a", start + 61s));
}

}  // namespace
}  // namespace keyward::credential
