#include "keyward/proxy/usage.h"

#include <gtest/gtest.h>

namespace keyward::proxy {
namespace {

TEST(Usage, CountsConnectionsUpToTheLimit) {
  UsageRegistry registry;
  const auto alice = registry.of("okta:alice");
  EXPECT_TRUE(alice->connect(2));
  EXPECT_TRUE(registry.of("okta:alice")->connect(2)) << "one identity, one count";
  EXPECT_FALSE(alice->connect(2));
  EXPECT_EQ(alice->connections(), 2U) << "a refused connection does not count";
  alice->disconnect();
  EXPECT_TRUE(alice->connect(2));
  EXPECT_TRUE(registry.of("okta:bob")->connect(1));
  EXPECT_TRUE(alice->connect(0)) << "no limit";
}

TEST(TokenBucket, GivesASecondsShareAndThenOneAtATime) {
  using std::chrono::milliseconds;
  TokenBucket bucket;
  FakeClock clock;
  const MonoTime start = clock.mono();
  for (int i = 0; i < 5; ++i) EXPECT_EQ(bucket.reserve(5, start), start) << i;
  EXPECT_EQ(bucket.reserve(5, start), start + milliseconds(200));
  EXPECT_EQ(bucket.reserve(5, start), start + milliseconds(400)) << "who asks first comes first";
  bucket.give_back(5);
  EXPECT_EQ(bucket.reserve(5, start), start + milliseconds(400)) << "who left is not waited for";
  clock.advance(milliseconds(600));
  EXPECT_EQ(bucket.reserve(5, clock.mono()), clock.mono());
  clock.advance(std::chrono::hours(1));
  for (int i = 0; i < 5; ++i) EXPECT_EQ(bucket.reserve(5, clock.mono()), clock.mono()) << i;
  EXPECT_GT(bucket.reserve(5, clock.mono()), clock.mono()) << "a rest saves up one second's share";
}

TEST(TokenBucket, LetsDebtBePaidByWaiting) {
  using std::chrono::milliseconds;
  TokenBucket bucket;
  FakeClock clock;
  EXPECT_EQ(bucket.ready(clock.mono()), clock.mono());
  bucket.spend(1000, 900, clock.mono());
  EXPECT_EQ(bucket.ready(clock.mono()), clock.mono()) << "something is left";
  bucket.spend(1000, 1600, clock.mono());
  EXPECT_EQ(bucket.ready(clock.mono()), clock.mono() + milliseconds(1500));
  clock.advance(milliseconds(1500));
  EXPECT_EQ(bucket.ready(clock.mono()), clock.mono());
  bucket.spend(1, ~0ULL, clock.mono());
  EXPECT_EQ(bucket.ready(clock.mono()), clock.mono() + std::chrono::minutes(10)) << "bounded";
}

TEST(Usage, ForgetsWhoLeft) {
  UsageRegistry registry;
  {
    const auto gone = registry.of("a");
    ASSERT_TRUE(gone->connect(1));
  }
  EXPECT_TRUE(registry.of("a")->connect(1)) << "its last session took the count along";
}

}  // namespace
}  // namespace keyward::proxy
