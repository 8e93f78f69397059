#include "keyward/audit/repeats.h"

#include "keyward/proxy/sources.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <string>
#include <vector>

namespace keyward::proxy {
namespace {

using namespace std::chrono_literals;

constexpr WallTime kWall{1'800'000'000s};

// Whatever comes in whatever order: each refusal is recorded or counted, once.
TEST(Repeats, E806EveryRefusalIsRecordedOrCountedOnce) {
  std::mt19937 random(7);
  audit::Repeats repeats;
  std::map<std::string, std::uint64_t> sent, told;
  const auto add = [&](const audit::Repeats::Row& row) {
    told[row.reason + row.grant + row.file + std::to_string(row.line)] += row.count;
    EXPECT_LE(row.first + row.count, row.last + 1);
  };
  std::uint64_t number = 0;
  for (MonoTime now{}; now < MonoTime(20min); now += 1s) {
    for (auto i = random() % 60; i > 0; --i) {
      const int line = static_cast<int>(random() % 5);
      const std::string key = "keygrantfile" + std::to_string(line);
      ++sent[key];
      if (repeats.recorded({"key", "grant", "file", line}, ++number, now, kWall)) ++told[key];
    }
    repeats.take(now, add);
  }
  repeats.take(MonoTime::max(), add);
  EXPECT_EQ(sent, told);
}

TEST(Repeats, E806AFloodGivesSoManyRecordsAMinuteAndOneCount) {
  audit::Repeats repeats;
  std::uint64_t recorded = 0, counted = 0, rows = 0;
  for (std::uint64_t number = 1; number <= 1'000'000; ++number) {
    recorded += repeats.recorded({"command", {}, {}, -1}, number, MonoTime(1s), kWall) ? 1U : 0U;
  }
  repeats.take(MonoTime(2min), [&](const audit::Repeats::Row& row) {
    ++rows;
    counted += row.count;
    EXPECT_EQ(row.first, audit::Repeats::kRecorded + 1);
    EXPECT_EQ(row.last, 1'000'000U);
    EXPECT_EQ(row.since, kWall);
  });
  EXPECT_EQ(recorded, audit::Repeats::kRecorded);
  EXPECT_EQ(recorded + counted, 1'000'000U);
  EXPECT_EQ(rows, 1U);
  EXPECT_TRUE(repeats.recorded({"command", {}, {}, -1}, 1, MonoTime(2min), kWall));
}

TEST(Repeats, E806MoreKindsThanAreKeptApartAreCountedTogether) {
  audit::Repeats repeats;
  std::uint64_t recorded = 0, counted = 0, rows = 0;
  for (int line = 0; line < 500; ++line) {
    for (int i = 0; i < 200; ++i)
      recorded += repeats.recorded({"key", "g", "f", line}, 1, MonoTime(), kWall) ? 1U : 0U;
  }
  repeats.take(MonoTime::max(), [&](const audit::Repeats::Row& row) {
    ++rows;
    counted += row.count;
  });
  EXPECT_EQ(recorded + counted, 500U * 200U);
  EXPECT_EQ(rows, audit::Repeats::kMostKinds);
  EXPECT_EQ(recorded, audit::Repeats::kMostKinds * audit::Repeats::kRecorded);
}

TEST(Sources, E806LoginsRefusedUnseenAreCountedByAddress) {
  const ProxyLimits limits;
  Sources sources(limits);
  for (int i = 0; i < 1000; ++i) {
    sources.refused_unseen("10.0.0." + std::to_string(i % 3), "okta", "too_many_failures",
                           MonoTime(10s), kWall);
  }
  EXPECT_TRUE(sources.take_unseen(MonoTime(30s)).empty());
  const auto due = sources.take_unseen(MonoTime(80s));
  ASSERT_EQ(due.size(), 3U);
  EXPECT_EQ(due[0].count + due[1].count + due[2].count, 1000U);
  EXPECT_EQ(due[0].issuer, "okta");
  EXPECT_TRUE(sources.take_unseen(MonoTime::max()).empty());
  for (int i = 0; i < 5000; ++i)
    sources.refused_unseen("10.1." + std::to_string(i), "", "too_many_logins", MonoTime(), kWall);
  std::uint64_t all = 0;
  const auto many = sources.take_unseen(MonoTime::max());
  for (const auto& one : many) all += one.count;
  EXPECT_EQ(all, 5000U);
  EXPECT_EQ(many.size(), 1024U);
}

}  // namespace
}  // namespace keyward::proxy
