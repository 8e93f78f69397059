#include "trigger/flow.h"

#include <gtest/gtest.h>

#include <deque>
#include <map>
#include <random>
#include <set>

namespace keyward::trigger {
namespace {

using namespace std::chrono_literals;
using Verdict = Answer::Verdict;

const MonoTime kStart{std::chrono::hours(1)};

Event event(std::uint64_t ms) {
  Event out;
  out.id = {ms, 0};
  return out;
}

Answer answer(Verdict verdict, std::chrono::milliseconds after = 0ms) {
  Answer out;
  out.verdict = verdict;
  out.after = after;
  return out;
}

Rule rule() {
  Rule out;
  out.name = "r";
  out.concurrency = 2;
  out.retry = {3, 100ms, 1000ms};
  out.breaker = {4, 10s};
  return out;
}

TEST(Flow, StartsInTheOrderOfTheStreamAndNoMoreThanItMay) {
  Flow flow(rule(), 1);
  EXPECT_EQ(flow.room(), 4U);
  for (const std::uint64_t ms : {3, 1, 2}) EXPECT_TRUE(flow.take(event(ms), kStart));
  EXPECT_FALSE(flow.take(event(2), kStart));
  EXPECT_EQ(flow.next(kStart).event->id.ms, 1U);
  EXPECT_EQ(flow.next(kStart).event->id.ms, 2U);
  EXPECT_EQ(flow.next(kStart).event, nullptr);
  EXPECT_EQ(flow.room(), 1U);
  EXPECT_EQ(flow.answered({1, 0}, answer(Verdict::done), kStart), Flow::After::acknowledge);
  EXPECT_EQ(flow.next(kStart).event->id.ms, 3U);
  EXPECT_EQ(flow.room(), 1U);  // until Redis has the acknowledgement
  flow.gone({1, 0});
  EXPECT_EQ(flow.room(), 2U);
}

// A target that cannot tell names apart asks before a second attempt, also when the first was that
// of an instance that is gone.
TEST(Flow, WhatAnotherInstanceHadIsNoFirstAttempt) {
  Flow flow(rule(), 1);
  flow.take(event(1), kStart);
  flow.take(event(2), kStart, true);
  EXPECT_EQ(flow.next(kStart).attempt, 1U);
  EXPECT_EQ(flow.next(kStart).attempt, 2U);
  // It does not take a try away from it.
  MonoTime now = kStart;
  for (int attempt = 1; attempt <= 3; ++attempt) {
    const auto after = flow.answered({2, 0}, answer(Verdict::retry), now);
    EXPECT_EQ(after, attempt < 3 ? Flow::After::wait : Flow::After::bury);
    now += 10s;
    if (attempt < 3) {
      EXPECT_EQ(flow.next(now).attempt, static_cast<std::uint32_t>(attempt) + 2U);
    }
  }
}

TEST(Flow, TriesAgainLaterAndThenBuries) {
  Flow flow(rule(), 1);
  flow.take(event(1), kStart);
  MonoTime now = kStart;
  for (int attempt = 1; attempt <= 3; ++attempt) {
    const Flow::Next next = flow.next(now);
    ASSERT_NE(next.event, nullptr);
    EXPECT_EQ(next.attempt, static_cast<std::uint32_t>(attempt));
    const auto after = flow.answered({1, 0}, answer(Verdict::retry), now);
    if (attempt == 3) {
      EXPECT_EQ(after, Flow::After::bury);
      break;
    }
    EXPECT_EQ(after, Flow::After::wait);
    const Flow::Next waits = flow.next(now);
    ASSERT_EQ(waits.event, nullptr);
    ASSERT_TRUE(waits.wake);
    EXPECT_GT(*waits.wake, now);
    EXPECT_LE(*waits.wake, now + 100ms * (1 << (attempt - 1)));
    now = *waits.wake;
  }
  flow.gone({1, 0});
  EXPECT_TRUE(flow.held().empty());
}

TEST(Flow, WaitsAsLongAsTheTargetAsks) {
  Flow flow(rule(), 1);
  flow.take(event(1), kStart);
  (void)flow.next(kStart);
  (void)flow.answered({1, 0}, answer(Verdict::retry, 700ms), kStart);
  EXPECT_EQ(flow.next(kStart).wake, kStart + 700ms);
  EXPECT_EQ(flow.next(kStart + 700ms).attempt, 2U);
  (void)flow.answered({1, 0}, answer(Verdict::retry, 1h), kStart);
  EXPECT_EQ(flow.next(kStart).wake, kStart + 1000ms);  // not longer than the rule's longest pause
}

TEST(Flow, LeavesATargetAloneThatFailsAndThenTriesOne) {
  Rule one = rule();
  one.concurrency = 4;
  one.retry.attempts = 100;
  Flow flow(one, 1);
  for (std::uint64_t ms = 1; ms <= 4; ++ms) flow.take(event(ms), kStart);
  for (int i = 0; i < 4; ++i) ASSERT_NE(flow.next(kStart).event, nullptr);
  for (std::uint64_t ms = 1; ms <= 4; ++ms)
    (void)flow.answered({ms, 0}, answer(Verdict::retry), kStart);
  EXPECT_TRUE(flow.breaker_open(kStart));
  EXPECT_EQ(flow.next(kStart + 5s).wake, kStart + 10s);
  const MonoTime later = kStart + 10s;
  EXPECT_FALSE(flow.breaker_open(later));
  const Event* probe = flow.next(later).event;
  ASSERT_NE(probe, nullptr);
  EXPECT_EQ(flow.next(later).event, nullptr);  // one only
  const EntryId id = probe->id;
  (void)flow.answered(id, answer(Verdict::retry), later);
  EXPECT_TRUE(flow.breaker_open(later + 9s));
  const Event* second = flow.next(later + 10s).event;
  ASSERT_NE(second, nullptr);
  EXPECT_EQ(flow.answered(second->id, answer(Verdict::done), later + 10s),
            Flow::After::acknowledge);
  EXPECT_NE(flow.next(later + 10s).event, nullptr);
  EXPECT_NE(flow.next(later + 10s).event, nullptr);
}

TEST(Flow, KeepsToItsRate) {
  Rule one = rule();
  one.rate = 50;
  one.concurrency = 1000;
  Flow flow(one, 1);
  for (std::uint64_t ms = 1; ms <= 500; ++ms) flow.take(event(ms), kStart);
  int started = 0;
  for (MonoTime now = kStart; now < kStart + 4s;) {
    const Flow::Next next = flow.next(now);
    if (next.event != nullptr) {
      ++started;
      continue;
    }
    ASSERT_TRUE(next.wake);
    ASSERT_GT(*next.wake, now);
    now = *next.wake;
  }
  EXPECT_GE(started, 195);
  EXPECT_LE(started, 206);  // 4 s of 50, and what a tenth of a second holds
}

// Whatever comes in whatever order: bounds hold, and every event ends exactly once.
TEST(Flow, HoldsItsRulesUnderAnyAnswers) {
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    std::mt19937_64 random(seed);
    const auto pick = [&](int most) {
      return std::uniform_int_distribution<int>(0, most - 1)(random);
    };
    Rule one = rule();
    one.concurrency = static_cast<std::uint32_t>(1 + pick(8));
    one.rate = pick(2) == 0 ? 0U : static_cast<std::uint32_t>(1 + pick(200));
    one.retry = {static_cast<std::uint32_t>(1 + pick(5)), 10ms, 200ms};
    one.breaker = {static_cast<std::uint32_t>(1 + pick(6)), 300ms};
    Flow flow(one, seed);
    std::map<EntryId, int> attempts;
    std::set<EntryId> under_way, waiting, settled, gone;
    std::uint32_t failures = 0;
    MonoTime now = kStart, closed{};
    std::uint64_t ms = 0;
    for (int step = 0; step < 2000; ++step) {
      now += std::chrono::milliseconds(pick(20));
      const int what = pick(10);
      if (what < 3 && flow.room() > 0) {
        ASSERT_TRUE(flow.take(event(++ms), now));
        waiting.insert({ms, 0});
      } else if (what < 6) {
        const Flow::Next next = flow.next(now);
        if (next.event == nullptr) continue;
        const EntryId id = next.event->id;
        ASSERT_EQ(waiting.erase(id), 1U);
        ASSERT_GE(now, closed);
        ASSERT_TRUE(failures < one.breaker.failures || under_way.empty());
        under_way.insert(id);
        ASSERT_LE(under_way.size(), one.concurrency);
        ASSERT_EQ(static_cast<std::uint32_t>(++attempts[id]), next.attempt);
        ASSERT_LE(next.attempt, one.retry.attempts);
      } else if (what < 9 && !under_way.empty()) {
        const EntryId id = *std::next(under_way.begin(), pick(static_cast<int>(under_way.size())));
        under_way.erase(id);
        const Verdict verdict = std::array{Verdict::done, Verdict::retry, Verdict::dead}[pick(3)];
        const auto after = flow.answered(id, answer(verdict), now);
        failures = verdict == Verdict::retry ? std::min(failures + 1, one.breaker.failures) : 0;
        if (failures == one.breaker.failures) closed = std::max(closed, now + 300ms);
        const bool last = attempts[id] == static_cast<int>(one.retry.attempts);
        if (verdict == Verdict::done) {
          ASSERT_EQ(after, Flow::After::acknowledge);
        } else if (verdict == Verdict::dead || last) {
          ASSERT_EQ(after, Flow::After::bury);
        } else {
          ASSERT_EQ(after, Flow::After::wait);
        }
        (after == Flow::After::wait ? waiting : settled).insert(id);
      } else if (!settled.empty()) {
        const EntryId id = *settled.begin();
        settled.erase(id);
        flow.gone(id);
        ASSERT_TRUE(gone.insert(id).second);
      } else if (pick(50) == 0) {
        flow.give_up_waiting();
        waiting.clear();
      }
      ASSERT_EQ(flow.held().size(), under_way.size() + waiting.size() + settled.size());
      ASSERT_EQ(flow.under_way(), under_way.size());
      ASSERT_EQ(flow.waiting(), waiting.size());
      ASSERT_LE(flow.held().size(), 2 * one.concurrency);
    }
  }
}

}  // namespace
}  // namespace keyward::trigger
