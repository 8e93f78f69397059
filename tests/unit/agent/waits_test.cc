#include "agent/waits.h"

#include <gtest/gtest.h>

#include <vector>

namespace keyward::agent {
namespace {

std::optional<WaitRequest> wait_of(std::vector<std::string_view> args) { return read_wait(args); }

TEST(Waits, SayForHowLong) {
  EXPECT_EQ(wait_of({"BRPOP", "a", "b", "0"})->time.count(), 0);
  EXPECT_EQ(wait_of({"brpop", "a", "0.0001"})->time.count(), 1) << "not for ever";
  EXPECT_EQ(wait_of({"BLMOVE", "a", "b", "LEFT", "RIGHT", "1.5"})->time.count(), 1500);
  EXPECT_EQ(wait_of({"BZMPOP", "3", "1", "a", "MIN"})->index, 1U);
  const auto group = wait_of({"XREADGROUP", "GROUP", "block", "streams", "COUNT", "5", "BLOCK",
                              "7000", "STREAMS", "s", ">"});
  ASSERT_TRUE(group);
  EXPECT_EQ(group->index, 7U);
  EXPECT_TRUE(group->milliseconds);
  EXPECT_EQ(group->time.count(), 7000);
  EXPECT_TRUE(wait_of({"XREAD", "BLOCK", "0", "STREAMS", "s", "5-1"}));
}

TEST(Waits, AreNotWhatMustNotBeAskedTwice) {
  EXPECT_FALSE(wait_of({"XREAD", "BLOCK", "0", "STREAMS", "s", "t", "5-1", "$"}));
  EXPECT_FALSE(wait_of({"XREAD", "STREAMS", "s", "5-1"}));
  EXPECT_FALSE(wait_of({"BRPOP", "a", "soon"}));
  EXPECT_FALSE(wait_of({"BRPOP", "a", "-1"}));
  EXPECT_FALSE(wait_of({"BRPOP", "a", "nan"}));
  EXPECT_FALSE(wait_of({"BRPOP", "0"}));
  EXPECT_FALSE(wait_of({"GET", "0"}));
  EXPECT_FALSE(wait_of({"BGSAVE"}));
}

TEST(Waits, AreWrittenAsRedisReadsThem) {
  using std::chrono::milliseconds;
  EXPECT_EQ(wait_text(milliseconds(1500), false), "1.500");
  EXPECT_EQ(wait_text(milliseconds(1500), true), "1500");
  EXPECT_EQ(wait_text(milliseconds(0), false), "0.001");
}

}  // namespace
}  // namespace keyward::agent
