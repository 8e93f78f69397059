#include "proxy/ending.h"

#include <gtest/gtest.h>

#include <chrono>
#include <set>

namespace keyward::proxy {
namespace {

using namespace std::chrono_literals;

constexpr MonoTime kEnd = MonoTime(1'000s);
constexpr UnderWay kIdle{}, kWaits{.waits = true, .answers = true},
    kTold{.waits = true, .told = kEnd, .answers = true}, kAnswers{.answers = true},
    kSubscribed{.subscribed = true};

Ending expiring(Ending::Span grace = 10s, Ending::Span jitter = 3s) {
  Ending ending(grace, jitter);
  ending.renewed(kEnd);
  return ending;
}

Ending ended(EndCause cause, Ending::Span grace = 10s) {
  Ending ending(grace, 3s);
  ending.renewed(kEnd + 1h);
  ending.end(cause, kEnd);
  return ending;
}

// Each row of the table: what happens to whom, so long after the end.
struct Row {
  const char* name;
  EndCause cause;
  UnderWay under_way;
  Ending::Span since;
  EndStep step;
};

TEST(Ending, TheTable) {
  using enum EndCause;
  using enum EndStep;
  const Row rows[] = {
      {"idle, told if it asks", expired, kIdle, 0s, nothing},
      {"idle until the grace, less half of its spread", expired, kIdle, 8499ms, nothing},
      {"idle", expired, kIdle, 8500ms, leave},
      {"answers under way", expired, kAnswers, 19s, nothing},
      {"answers under way at the hard limit", expired, kAnswers, 20s, cut},
      {"waiting", expired, kWaits, 9999ms, nothing},
      {"waiting over the grace", expired, kWaits, 10s, end_wait},
      {"long over it, never told", expired, kWaits, 13s, end_wait},
      {"Redis does not end it", expired, kTold, 1s, cut},
      {"subscribed", expired, kSubscribed, 2999ms, nothing},
      {"subscribed, after the spread", expired, kSubscribed, 3s, leave},
      {"idle", policy, kIdle, 9999ms, nothing},
      {"idle", policy, kIdle, 10s, leave},
      {"waiting", policy, kWaits, 0s, end_wait},
      {"Redis does not end it", policy, kTold, 9999ms, end_wait},
      {"Redis does not end it", policy, kTold, 10s, cut},
      {"subscribed", policy, kSubscribed, 0s, leave},
      {"answers under way", policy, kAnswers, 19s, nothing},
      {"idle, told if it asks", revoked, kIdle, 0s, nothing},
      {"idle", revoked, kIdle, 500ms, leave},
      {"waiting", revoked, kWaits, 0s, end_wait},
      {"waiting, asked again", revoked, kTold, 749ms, end_wait},
      {"Redis does not end it", revoked, kTold, 750ms, cut},
      {"subscribed", revoked, kSubscribed, 0s, leave},
      {"answers under way", revoked, kAnswers, 749ms, nothing},
      {"answers under way", revoked, kAnswers, 750ms, cut},
      {"does not read", revoked, kIdle, 750ms, cut},
  };
  for (const Row& row : rows) {
    const Ending ending = row.cause == expired ? expiring() : ended(row.cause);
    EXPECT_EQ(ending.step(kEnd - 1ms, row.under_way), EndStep::nothing) << row.name;
    EXPECT_EQ(ending.step(kEnd + row.since, row.under_way), row.step)
        << row.name << ", cause " << static_cast<int>(row.cause);
  }
}

TEST(Ending, TheGraceBoundsSpreadAndWait) {
  EXPECT_EQ(expiring(0s, 3s).step(kEnd, kIdle), EndStep::leave);
  EXPECT_EQ(expiring(0s, 3s).step(kEnd, kSubscribed), EndStep::leave);
  EXPECT_EQ(expiring(0s, 3s).step(kEnd, kWaits), EndStep::end_wait);
  EXPECT_EQ(expiring(90s, 0s).step(kEnd + 60s, kWaits), EndStep::end_wait) << "60 s at most";
  EXPECT_EQ(ended(EndCause::revoked, 100ms).step(kEnd + 100ms, kIdle), EndStep::leave);
}

TEST(Ending, OverMeansThatNoFurtherCommandRuns) {
  EXPECT_FALSE(expiring().over(kEnd - 1ns));
  EXPECT_TRUE(expiring().over(kEnd));
  EXPECT_TRUE(ended(EndCause::revoked).over(kEnd));
  EXPECT_FALSE(ended(EndCause::policy).over(kEnd)) << "the policy itself refuses it";
}

TEST(Ending, ARenewalTakesAnEndBack) {
  Ending before = expiring(), after = expiring();
  before.renewed(kEnd + 60s);
  EXPECT_FALSE(before.over(kEnd + 1s));
  EXPECT_EQ(after.step(kEnd + 9s, kIdle), EndStep::leave);
  after.renewed(kEnd + 60s);
  EXPECT_EQ(after.step(kEnd + 8s, kIdle), EndStep::nothing);
  EXPECT_EQ(after.cause(kEnd + 8s), EndCause::none);
}

TEST(Ending, TheStrongerCauseCounts) {
  Ending ending = expiring();
  ending.end(EndCause::policy, kEnd - 60s);
  EXPECT_EQ(ending.cause(kEnd - 50s), EndCause::policy);
  EXPECT_EQ(ending.step(kEnd - 50s, kIdle), EndStep::leave);
  ending.lift();
  EXPECT_EQ(ending.cause(kEnd - 50s), EndCause::none);
  ending.end(EndCause::revoked, kEnd - 40s);
  ending.end(EndCause::policy, kEnd - 39s);
  ending.lift();
  EXPECT_EQ(ending.cause(kEnd + 1s), EndCause::revoked) << "it stays revoked beyond its expiry";
  EXPECT_EQ(ending.step(kEnd - 39s, kIdle), EndStep::cut);
}

TEST(Ending, ARevocationAfterTheEndCutsTheGraceShort) {
  Ending ending = expiring();
  ending.end(EndCause::revoked, kEnd + 2s);
  EXPECT_EQ(ending.step(kEnd + 2s, kIdle), EndStep::nothing);
  EXPECT_EQ(ending.step(kEnd + 2500ms, kIdle), EndStep::leave);
}

TEST(Ending, TheSpreadIsEvenAndAlwaysTheSame) {
  std::set<int> tenths;
  for (std::uint64_t id = 1; id <= 1'000; ++id) {
    const auto share = spread(id, 5s, 10s);
    EXPECT_EQ(share, spread(id, 5s, 10s));
    ASSERT_GE(share, 0s);
    ASSERT_LT(share, 5s);
    tenths.insert(static_cast<int>(share / 500ms));
  }
  EXPECT_EQ(tenths.size(), 10U);
  EXPECT_LT(spread(7, 60s, 2s), 2s) << "never beyond the grace";
  EXPECT_EQ(spread(7, 0s, 10s), 0s);
}

}  // namespace
}  // namespace keyward::proxy
