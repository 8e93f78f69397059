// When compressing and indexing rest, and when they may not.
#include "audit/patience.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

namespace keyward::audit {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr WallTime kNow{std::chrono::hours(500'000)};
constexpr std::uint64_t kGigabyte = std::uint64_t{1} << 30;

Stored segment(std::uint64_t bytes, bool closed, bool compressed, WallTime until = kNow) {
  Stored out;
  out.bytes = bytes;
  out.closed = closed;
  out.file.compressed = compressed;
  out.until = until;
  return out;
}

TEST(Patience, NothingIsWaitedForOnAMachineOfItsOwn) {
  Patience patience;
  for (int piece = 0; piece < 10; ++piece) EXPECT_EQ(patience.after(false), milliseconds(0));
}

TEST(Patience, RestsTwiceAsLongAfterEachInterruptionUpToABound) {
  Patience patience;
  milliseconds before{0};
  for (int piece = 0; piece < 20; ++piece) {
    const auto rest = patience.after(true);
    EXPECT_TRUE(rest == std::max(2 * before, Patience::kLeast) || rest == Patience::kMost);
    EXPECT_GE(rest, before);
    before = rest;
  }
  EXPECT_EQ(before, Patience::kMost);
}

TEST(Patience, ComesBackToFullSpeedWhenLeftAlone) {
  Patience patience;
  for (int piece = 0; piece < 20; ++piece) (void)patience.after(true);
  milliseconds total{0};
  for (int piece = 0; piece < 10; ++piece) total += patience.after(false);
  EXPECT_LT(total, 2 * Patience::kMost);
  EXPECT_EQ(patience.after(false), milliseconds(0));
}

TEST(Patience, AThreadLearnsThatItsCoreWasTaken) {
  std::atomic<bool> stop{false};
  std::vector<std::thread> others;
  for (unsigned core = 0; core < 2 * std::max(1U, std::thread::hardware_concurrency()); ++core)
    others.emplace_back([&] {
      while (!stop.load(std::memory_order_relaxed))
        ;
    });
  const std::uint64_t before = interruptions_of_thread();
  const auto end = std::chrono::steady_clock::now() + seconds(20);
  while (interruptions_of_thread() == before && std::chrono::steady_clock::now() < end)
    ;
  stop.store(true);
  for (std::thread& other : others) other.join();
  EXPECT_GT(interruptions_of_thread(), before);
}

TEST(Pressing, OnlyWhatIsClosedAndPlainWaits) {
  const std::vector<Stored> all{segment(4, true, true), segment(3, true, false, kNow - seconds(9)),
                                segment(2, true, false, kNow - seconds(5)),
                                segment(1, false, false, kNow - hours(9))};
  EXPECT_EQ(backlog_of(all).bytes, 5U);
  EXPECT_EQ(backlog_of(all).since, kNow - seconds(9));
  EXPECT_FALSE(pressing(all, {}, kGigabyte, kNow));
  EXPECT_FALSE(pressing({segment(9, false, false, kNow - hours(9))}, {}, 0, kNow));
}

TEST(Pressing, ByTheDiskThatIsLeft) {
  const std::vector<Stored> all{segment(kGigabyte, true, false)};
  EXPECT_FALSE(pressing(all, {}, 8 * kGigabyte, kNow));
  EXPECT_TRUE(pressing(all, {}, 8 * kGigabyte - 8, kNow));
  EXPECT_TRUE(pressing(all, {}, 0, kNow));  // which cannot be told
}

TEST(Pressing, ByTime) {
  const std::vector<Stored> all{segment(1, true, false, kNow - hours(1))};
  EXPECT_FALSE(pressing(all, {}, kGigabyte, kNow));
  EXPECT_TRUE(pressing(all, {}, kGigabyte, kNow + seconds(1)));
}

TEST(Pressing, ByTheSizeThatMayBeKept) {
  const std::vector<Stored> all{segment(600, true, true), segment(300, true, false),
                                segment(101, false, false)};
  EXPECT_FALSE(pressing(all, {.age = {}, .size = 1001}, kGigabyte, kNow));
  EXPECT_TRUE(pressing(all, {.age = {}, .size = 1000}, kGigabyte, kNow));
}

}  // namespace
}  // namespace keyward::audit
