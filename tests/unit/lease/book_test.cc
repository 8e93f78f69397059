#include "lease/book.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <set>

namespace keyward::lease {
namespace {

using namespace std::chrono_literals;
using Kind = LeaseBook::Work::Kind;

void run(LeaseBook::Calls calls) {
  for (auto& one : calls) one();
}

// A book, the Redis it believes in, and everybody who asked for something.
class Bench {
 public:
  explicit Bench(LeaseBook::Rules rules = {}, LeaseBook::Renewed renewed = {}) : book(rules) {
    book.tell_renewed(std::move(renewed));
  }

  void acquire(const std::string& user) {
    ++asked;
    run(book.acquire(
        user, nullptr,
        [this, user] {
          return std::make_shared<const Lease>(
              Lease{user, Secret(std::to_string(++passwords)), {}, {}, {}});
        },
        [this, user](const Result<LeasePtr>& result) {
          ++answered;
          if (result.has_error()) return void(++refused);
          ++holders[user];
          last = *result;
        },
        now));
  }
  void release(std::string user) {  // by value: the key it may come from goes
    if (--holders[user] == 0) holders.erase(user);
    book.release(user, now);
  }
  // Redis does the oldest command and the book is told.
  void serve(bool refuse = false) {
    const LeaseBook::Work work = pipeline.front();
    pipeline.pop_front();
    busy.erase(work.user);
    if (work.kind == Kind::remove) {
      EXPECT_FALSE(holders.contains(work.user)) << "a held user was deleted";
      redis.erase(work.user);
      return book.removed(work.user);
    }
    if (refuse) return run(book.failed(work.user, Error(Errc::internal, "refused")));
    redis[work.user] = std::string(book.find(work.user)->lease->password.reveal());
    run(book.made(work.user, now));
  }
  void take() {
    const auto work = book.take_work();
    if (!work) return;
    EXPECT_TRUE(busy.insert(work->user).second) << "two commands under way for one user";
    pipeline.push_back(*work);
  }
  void settle() {
    do {
      take();
      if (!pipeline.empty()) serve();
      const auto more = book.take_work();
      if (more) {
        EXPECT_TRUE(busy.insert(more->user).second);
        pipeline.push_back(*more);
      }
    } while (!pipeline.empty());
  }
  // The connection dies; commands on their way may or may not have been done.
  void lose(std::minstd_rand& random) {
    for (const auto& work : pipeline) {
      if (random() % 2 == 0) {
        if (work.kind == Kind::remove) {
          redis.erase(work.user);
        } else {
          redis[work.user] = std::string(book.find(work.user)->lease->password.reveal());
        }
      }
      book.lost(work.user);
    }
    pipeline.clear();
    busy.clear();
  }
  void reconcile() {
    std::unordered_set<std::string> listed;
    for (const auto& [user, password] : redis) listed.insert(user);
    (void)book.reconcile(listed);
  }

  LeaseBook book;
  MonoTime now{1h};
  std::map<std::string, std::string> redis;
  std::map<std::string, int> holders;
  std::deque<LeaseBook::Work> pipeline;
  std::set<std::string> busy;
  LeasePtr last;
  int passwords = 0, asked = 0, answered = 0, refused = 0;
};

TEST(LeaseBook, MintsOnceForManyWaiters) {
  Bench bench;
  for (int count = 0; count < 5; ++count) bench.acquire("a");
  EXPECT_EQ(bench.answered, 0);
  bench.settle();
  EXPECT_EQ(bench.holders["a"], 5);
  EXPECT_EQ(bench.passwords, 1);
  bench.acquire("a");
  EXPECT_EQ(bench.holders["a"], 6) << "a lease that is there needs no command";
}

TEST(LeaseBook, DeletesOnlyAfterTheLinger) {
  Bench bench({.linger = 10s});
  bench.acquire("a");
  bench.settle();
  bench.release("a");
  bench.now += 9s;
  run(bench.book.expire(bench.now));
  bench.settle();
  EXPECT_TRUE(bench.redis.contains("a"));
  bench.acquire("a");  // wanted again: the linger starts anew
  bench.release("a");
  bench.now += 9s;
  run(bench.book.expire(bench.now));
  EXPECT_TRUE(bench.redis.contains("a"));
  bench.now += 1s;
  run(bench.book.expire(bench.now));
  bench.settle();
  EXPECT_FALSE(bench.redis.contains("a"));
  EXPECT_EQ(bench.book.size(), 0U);
  EXPECT_FALSE(bench.book.timed());
}

TEST(LeaseBook, MakesAnewWithAnotherPasswordWhatIsBeingDeleted) {
  Bench bench({.linger = 1s});
  bench.acquire("a");
  bench.settle();
  bench.release("a");
  bench.now += 1s;
  run(bench.book.expire(bench.now));
  bench.take();  // DELUSER is under way
  bench.acquire("a");
  bench.settle();
  EXPECT_EQ(bench.passwords, 2);
  EXPECT_EQ(bench.redis["a"], "2");
  EXPECT_EQ(bench.holders["a"], 1);
}

TEST(LeaseBook, FailsWaitersOutOfPatience) {
  Bench bench({.patience = 5s});
  bench.acquire("a");
  bench.now += 4s;
  run(bench.book.expire(bench.now));
  EXPECT_EQ(bench.answered, 0);
  bench.now += 1s;
  run(bench.book.expire(bench.now));
  EXPECT_EQ(bench.refused, 1);
  EXPECT_EQ(bench.book.size(), 0U) << "nobody waits: nothing to make";
}

TEST(LeaseBook, GivesTheLongestUnheldUserUpForRoom) {
  Bench bench({.max_users = 2});
  bench.acquire("a");
  bench.acquire("b");
  bench.settle();
  bench.acquire("c");
  EXPECT_EQ(bench.refused, 1) << "both are held";
  bench.release("b");
  bench.now += 1s;
  bench.release("a");
  bench.acquire("c");
  bench.settle();
  EXPECT_TRUE(bench.redis.contains("a"));
  EXPECT_FALSE(bench.redis.contains("b"));
  EXPECT_TRUE(bench.redis.contains("c"));
}

TEST(LeaseBook, RefusedMintFailsItsWaitersAndCleansUp) {
  Bench bench;
  bench.acquire("a");
  bench.take();
  bench.redis["a"] = "half made";
  bench.serve(true);
  EXPECT_EQ(bench.refused, 1);
  bench.settle();
  EXPECT_TRUE(bench.redis.empty());
  EXPECT_EQ(bench.book.size(), 0U);
}

TEST(LeaseBook, RepairsOnceForManyAskers) {
  Bench bench;
  bench.acquire("a");
  bench.settle();
  bench.redis.clear();
  int repaired = 0;
  const auto done = [&repaired](const Result<>& result) { repaired += result.has_value() ? 1 : 0; };
  for (int count = 0; count < 4; ++count)
    run(bench.book.repair("a", LeaseBook::Cause::repair, done, bench.now));
  bench.take();
  EXPECT_EQ(bench.pipeline.front().kind, Kind::remake);
  run(bench.book.repair("a", LeaseBook::Cause::repair, done, bench.now));
  bench.serve();
  EXPECT_EQ(repaired, 5);
  EXPECT_EQ(bench.redis["a"], "1") << "holders know the old password";
  EXPECT_FALSE(bench.book.take_work().has_value());
}

TEST(LeaseBook, MakesHeldUsersAgainThatRedisLost) {
  Bench bench({.linger = 10s});
  bench.acquire("held");
  bench.acquire("idle");
  bench.settle();
  bench.release("idle");
  bench.redis.clear();
  bench.reconcile();
  bench.settle();
  EXPECT_EQ(bench.redis.size(), 1U);
  EXPECT_TRUE(bench.redis.contains("held"));
  EXPECT_EQ(bench.book.size(), 1U);
}

TEST(LeaseBook, RemembersLiteralsAndForgetsTheRefused) {
  Bench bench({.max_literals = 2});
  bench.acquire("a");
  bench.settle();
  int good = 0, bad = 0;
  const auto done = [&](const Result<>& result) { ++(result.has_value() ? good : bad); };
  run(bench.book.allow_literal("a", "x*", done, bench.now));
  bench.settle();
  EXPECT_EQ(good, 1);
  run(bench.book.allow_literal("a", "x*", done, bench.now));
  EXPECT_EQ(good, 2) << "known: no command";
  run(bench.book.allow_literal("a", "broken", done, bench.now));
  bench.take();
  bench.serve(true);
  EXPECT_EQ(bad, 1);
  EXPECT_EQ(bench.book.find("a")->literals, std::vector<std::string>{"x*"});
  run(bench.book.allow_literal("a", "y*", done, bench.now));
  run(bench.book.allow_literal("a", "z*", done, bench.now));
  EXPECT_EQ(bad, 2) << "the third is one too many";
  run(bench.book.allow_literal("nobody", "y*", done, bench.now));
  EXPECT_EQ(bad, 3);
  bench.settle();
  EXPECT_EQ(good, 3);
  bench.redis.clear();
  bench.reconcile();
  bench.settle();
  EXPECT_EQ(bench.book.find("a")->literals.size(), 2U);
}

// Any interleaving of logins, leavings, answers, refusals, losses, restarts and time. Whenever
// things come to rest Redis has exactly the users that somebody holds or that linger, with the
// passwords that the holders were given.
TEST(LeaseBook, AgreesWithAModelUnderRandomInterleavings) {
  for (unsigned seed = 1; seed <= 300; ++seed) {
    std::minstd_rand random(seed);
    Bench bench({.max_users = 4, .linger = 10s, .patience = 5s});
    int repairs = 0, repaired = 0;
    const auto name = [&random] { return std::string(1, static_cast<char>('a' + random() % 6)); };
    for (int step = 0; step < 400; ++step) {
      switch (random() % 12) {
        case 0:
        case 1:
        case 2:
          bench.acquire(name());
          break;
        case 3:
        case 4:
          if (!bench.holders.empty())
            bench.release(
                std::next(bench.holders.begin(), static_cast<long>(random() % bench.holders.size()))
                    ->first);
          break;
        case 5:
        case 6:
          bench.take();
          break;
        case 7:
        case 8:
          if (!bench.pipeline.empty())
            bench.serve(random() % 16 == 0 && bench.pipeline.front().kind == Kind::mint);
          break;
        case 9:
          bench.now += std::chrono::seconds(random() % 4);
          run(bench.book.expire(bench.now));
          break;
        case 10:
          if (!bench.holders.empty()) {
            ++repairs;
            run(bench.book.repair(
                bench.holders.begin()->first, LeaseBook::Cause::repair,
                [&repaired](const Result<>&) { ++repaired; }, bench.now));
          }
          break;
        default:
          if (random() % 6 != 0) break;
          bench.lose(random);
          if (random() % 2 == 0) bench.redis.clear();
          bench.reconcile();
      }
      ASSERT_LE(bench.book.live(), 4U);
      if (step % 50 != 49) continue;
      bench.settle();
      ASSERT_EQ(bench.asked, bench.answered) << "seed " << seed;
      for (const auto& [user, count] : bench.holders) {
        const auto* entry = bench.book.find(user);
        ASSERT_NE(entry, nullptr);
        ASSERT_EQ(entry->holders, static_cast<std::size_t>(count));
        ASSERT_EQ(bench.redis[user], entry->lease->password.reveal()) << "seed " << seed;
      }
      ASSERT_EQ(bench.redis.size(), bench.book.size()) << "seed " << seed;
    }
    while (!bench.holders.empty()) bench.release(bench.holders.begin()->first);
    bench.settle();
    bench.now += 1min;
    run(bench.book.expire(bench.now));
    bench.settle();
    ASSERT_TRUE(bench.redis.empty()) << "seed " << seed;
    ASSERT_EQ(bench.book.size(), 0U);
    ASSERT_FALSE(bench.book.timed());
    ASSERT_EQ(repairs, repaired) << "seed " << seed;
  }
}

TEST(LeaseBook, RemovesEverythingAtTheEnd) {
  Bench bench;
  bench.acquire("a");
  bench.settle();
  bench.release("a");
  bench.acquire("b");
  bench.take();
  bench.acquire("c");
  run(bench.book.remove_all(Error(Errc::unavailable, "stopping")));
  EXPECT_EQ(bench.refused, 2);
  bench.settle();
  EXPECT_TRUE(bench.redis.empty());
  EXPECT_EQ(bench.book.size(), 0U);
}

// --- passwords

TEST(LeaseBook, ANewPasswordHoldsBesideTheOldOneForAWhile) {
  std::vector<LeasePtr> renewed;
  Bench bench({.rotate_every = 1h, .overlap = 30s},
              [&](const LeasePtr& lease) { renewed.push_back(lease); });
  bench.acquire("a");
  bench.settle();
  const LeasePtr first = bench.book.find("a")->lease;
  bench.now += 59min;
  bench.book.rotate(bench.now);
  EXPECT_FALSE(bench.book.take_work()) << "young enough";
  bench.now += 1min;
  bench.book.rotate(bench.now);
  bench.take();
  ASSERT_EQ(bench.pipeline.size(), 1U);
  EXPECT_EQ(LeaseBook::valid(*bench.book.find("a")).size(), 2U);
  EXPECT_EQ(bench.book.find("a")->lease, first) << "until Redis has the new one";
  bench.serve();
  ASSERT_EQ(renewed.size(), 1U);
  EXPECT_EQ(bench.book.find("a")->lease, renewed[0]);
  EXPECT_NE(renewed[0]->password.reveal(), first->password.reveal());
  EXPECT_EQ(LeaseBook::valid(*bench.book.find("a")), (std::vector<LeasePtr>{renewed[0], first}));
  bench.acquire("a");
  EXPECT_EQ(bench.last, renewed[0]);
  bench.now += 29s;
  bench.book.rotate(bench.now);
  EXPECT_FALSE(bench.book.take_work());
  bench.now += 1s;
  bench.book.rotate(bench.now);
  EXPECT_EQ(LeaseBook::valid(*bench.book.find("a")).size(), 1U);
  bench.settle();
  EXPECT_EQ(renewed.size(), 1U);
}

TEST(LeaseBook, ALostRotationIsTriedAgainAndARefusedOneGivenUp) {
  std::vector<LeasePtr> renewed;
  Bench bench({.rotate_every = 1h, .overlap = 30s},
              [&](const LeasePtr& lease) { renewed.push_back(lease); });
  bench.acquire("a");
  bench.settle();
  const LeasePtr first = bench.book.find("a")->lease;
  bench.now += 1h;
  bench.book.rotate(bench.now);
  const auto work = bench.book.take_work();
  ASSERT_TRUE(work);
  const LeasePtr next = bench.book.find("a")->sent_next;
  bench.book.lost("a");
  EXPECT_EQ(bench.book.find("a")->lease, first);
  ASSERT_TRUE(bench.book.take_work());
  EXPECT_EQ(bench.book.find("a")->sent_next, next) << "the same once more";
  run(bench.book.failed("a", Error(Errc::internal, "no")));
  EXPECT_EQ(bench.book.find("a")->lease, first);
  EXPECT_EQ(LeaseBook::valid(*bench.book.find("a")).size(), 1U);
  EXPECT_TRUE(renewed.empty());
}

TEST(LeaseBook, UsersOfOthersTakeRoom) {
  Bench bench({.max_users = 3});
  bench.book.set_others(2);
  bench.acquire("a");
  bench.settle();
  bench.acquire("b");
  EXPECT_EQ(bench.refused, 1);
  bench.release("a");
  bench.acquire("b");
  bench.settle();
  EXPECT_EQ(bench.holders.count("b"), 1U) << "the idle one made room";
}

TEST(LeaseBook, AStrangeRedisGetsEveryUserAnew) {
  Bench bench;
  bench.acquire("a");
  bench.acquire("b");
  bench.acquire("c");
  bench.settle();
  bench.release("c");
  const auto vanished = bench.book.reconcile({"a"}, true);
  ASSERT_EQ(vanished.size(), 1U);
  EXPECT_EQ(vanished[0]->user, "c") << "nobody holds it";
  std::set<std::string> made;
  while (const auto work = bench.book.take_work()) {
    EXPECT_EQ(work->kind, Kind::remake);
    made.insert(work->user);
  }
  EXPECT_EQ(made, (std::set<std::string>{"a", "b"}));
  EXPECT_EQ(bench.book.find("a")->sent_cause, LeaseBook::Cause::confirm);
  EXPECT_EQ(bench.book.find("b")->sent_cause, LeaseBook::Cause::recreate);
}

}  // namespace
}  // namespace keyward::lease
