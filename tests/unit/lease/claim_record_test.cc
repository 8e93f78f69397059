#include "lease/claim_record.h"

#include <gtest/gtest.h>

namespace keyward::lease {
namespace {

using namespace std::chrono_literals;

ClaimRecord record(const std::string& run, std::uint64_t beat) {
  return {.run = run, .host = "h", .place = "p", .pid = 7, .beat = beat, .period = 10s};
}

TEST(ClaimRecord, ComesBackAsItWasWritten) {
  const ClaimRecord self = this_process(5s);
  EXPECT_EQ(read_claim(write_claim(self)), self);
  EXPECT_NE(self.run, this_process(5s).run);
}

TEST(ClaimRecord, AnythingElseIsNone) {
  const std::string good = write_claim(record("r", 1));
  EXPECT_TRUE(read_claim(good));
  for (const std::string& bad :
       {std::string(), std::string("claim 2\nr\nh\np\n7\n1\n1000"),
        std::string("claim 1\n\nh\np\n7\n1\n1000"), std::string("claim 1\nr\nh\np\nx\n1\n1000"),
        std::string("claim 1\nr\nh\np\n7\n1\n0"), std::string("claim 1\nr\nh\np\n7\n1"),
        std::string("claim 1\nr\nh\np\n7\n-1\n1000")}) {
    EXPECT_FALSE(read_claim(bad)) << bad;
  }
}

TEST(ClaimRecord, OnlyAProcessOfThisPlaceIsSurelyGone) {
  const ClaimRecord self = this_process(5s);
  if (self.place.empty()) GTEST_SKIP() << "no /proc here";
  EXPECT_TRUE(surely_gone(self, self)) << "an earlier life of this process";
  ClaimRecord other = self;
  other.pid = 1;
  EXPECT_FALSE(surely_gone(other, self)) << "it lives, or cannot be asked";
  other.pid = 0x3fffffff;
  EXPECT_TRUE(surely_gone(other, self)) << "no such process";
  other.place = "elsewhere";
  EXPECT_FALSE(surely_gone(other, self));
  other.place = "";
  EXPECT_FALSE(surely_gone(other, self));
}

TEST(Fellows, WhoIsNotHeardForTwoPeriodsIsGone) {
  Fellows fellows;
  MonoTime now{};
  fellows.heard("a", record("r", 1), now);
  fellows.heard("b", record("r", 1), now);
  now += 19s;
  fellows.heard("a", record("r", 1), now);
  fellows.heard("b", record("r", 2), now);
  EXPECT_FALSE(fellows.gone("a", now) || fellows.gone("b", now));
  now += 1s;
  fellows.heard("a", record("r", 1), now);
  EXPECT_TRUE(fellows.gone("a", now));
  EXPECT_FALSE(fellows.gone("b", now));
  fellows.forget("a");
  EXPECT_FALSE(fellows.gone("a", now));
}

TEST(Fellows, StrangersAreNeverJudged) {
  Fellows fellows;
  MonoTime now{};
  fellows.heard("a", std::nullopt, now);
  now += 1h;
  fellows.heard("a", std::nullopt, now);
  EXPECT_FALSE(fellows.gone("a", now));
}

TEST(Fellows, ARecordThatVanishedIsNotHeard) {
  Fellows fellows;
  MonoTime now{};
  fellows.heard("a", record("r", 1), now);
  now += 10s;
  fellows.heard("a", std::nullopt, now);
  now += 10s;
  EXPECT_TRUE(fellows.gone("a", now));
}

}  // namespace
}  // namespace keyward::lease
