// Users that are deleted although somebody holds them.
#include "lease/book.h"

#include <gtest/gtest.h>

namespace keyward::lease {
namespace {

using namespace std::chrono_literals;
using Kind = LeaseBook::Work::Kind;

class Revoking : public testing::Test {
 protected:
  LeasePtr acquire(const std::string& user, const std::string& principal) {
    LeasePtr got;
    run(book.acquire(
        user, nullptr,
        [this, user, principal] {
          return std::make_shared<const Lease>(
              Lease{user, Secret(std::to_string(++passwords)), {}, principal, {}});
        },
        [&got](const Result<LeasePtr>& result) { got = *result; }, now));
    while (const auto work = book.take_work()) {
      EXPECT_EQ(work->kind, Kind::mint);
      run(book.made(work->user, now));
    }
    return got;
  }
  static void run(LeaseBook::Calls calls) {
    for (auto& one : calls) one();
  }
  // The users that Redis is told to delete, and it does.
  std::vector<std::string> deleted() {
    std::vector<std::string> out;
    while (const auto work = book.take_work()) {
      EXPECT_EQ(work->kind, Kind::remove);
      out.push_back(work->user);
      book.removed(work->user);
    }
    return out;
  }

  LeaseBook book{{.linger = 10s}};
  MonoTime now{1h};
  int passwords = 0;
};

TEST_F(Revoking, DeletesAllOfAPrincipalAndNoOthers) {
  (void)acquire("kw_1", "okta:bob");
  (void)acquire("kw_2", "okta:bob");
  (void)acquire("kw_3", "okta:bobby");
  (void)acquire("kw_4", "");  // shared by several
  run(book.revoke("okta:bob", ""));
  auto gone = deleted();
  std::sort(gone.begin(), gone.end());
  EXPECT_EQ(gone, (std::vector<std::string>{"kw_1", "kw_2"}));
  run(book.revoke("", ""));
  EXPECT_TRUE(deleted().empty()) << "nobody is named";
  run(book.revoke("", "kw_4"));
  EXPECT_EQ(deleted(), std::vector<std::string>{"kw_4"});
  EXPECT_EQ(book.size(), 1U);
}

TEST_F(Revoking, OldHoldersDoNotGiveBackWhatWasMadeAnew) {
  const LeasePtr first = acquire("kw_1", "okta:bob");
  (void)acquire("kw_1", "okta:bob");
  run(book.revoke("", "kw_1"));
  EXPECT_EQ(deleted().size(), 1U);
  const LeasePtr fresh = acquire("kw_1", "okta:bob");
  ASSERT_NE(fresh, nullptr);
  EXPECT_NE(fresh->password.reveal(), first->password.reveal());
  book.release("kw_1", now);  // the two of before
  book.release("kw_1", now);
  now += 20s;
  run(book.expire(now));
  EXPECT_TRUE(deleted().empty()) << "it is held";
  book.release("kw_1", now);
  now += 20s;
  run(book.expire(now));
  EXPECT_EQ(deleted().size(), 1U);
  EXPECT_EQ(book.size(), 0U);
}

TEST_F(Revoking, AnIdleOneGoesAtOnceAndOneThatIsWantedMeanwhileComesAgain) {
  (void)acquire("kw_1", "okta:bob");
  book.release("kw_1", now);
  run(book.revoke("okta:bob", ""));
  const auto work = book.take_work();
  ASSERT_TRUE(work);
  EXPECT_EQ(work->kind, Kind::remove);
  EXPECT_EQ(book.find("kw_1")->why, LeaseBook::Why::revoked);
  run(book.revoke("okta:bob", ""));  // again: nothing more to do
  LeasePtr got;
  run(book.acquire(
      "kw_1", nullptr, [] { return std::make_shared<const Lease>(); },
      [&got](const Result<LeasePtr>& result) { got = *result; }, now));
  book.removed("kw_1");
  const auto again = book.take_work();
  ASSERT_TRUE(again);
  EXPECT_EQ(again->kind, Kind::mint);
  run(book.made("kw_1", now));
  EXPECT_NE(got, nullptr);
}

}  // namespace
}  // namespace keyward::lease
