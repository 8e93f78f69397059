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

TEST(Usage, GivesASecondsShareOfCommands) {
  Usage usage;
  FakeClock clock;
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(usage.take_command(5, clock.mono()));
  EXPECT_FALSE(usage.take_command(5, clock.mono()));
  clock.advance(std::chrono::seconds(1));
  EXPECT_TRUE(usage.take_command(5, clock.mono()));
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
