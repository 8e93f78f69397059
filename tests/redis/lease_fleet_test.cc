// Several instances on one Redis: who has which name, and what becomes of the users of the dead.
#include "lease/claim.h"
#include "redis/lease_fixture.h"

#include "keyward/fleet/store.h"

namespace keyward::lease {
namespace {

// One more instance beside the fixture's, with a connection of its own.
struct Instance {
  Instance(boost::asio::io_context& io, std::uint16_t port, const LeaseConfig& settings,
           audit::Journal& journal, const Clock& clock, const std::string& secret = "s")
      : control(io, config(port)),
        store(control, {.secret = [secret] { return Result<Secret>(Secret(secret)); }}),
        service(io, control, settings, journal, clock, &store) {
    control.start(
        [this] { service.on_control_up([this](Result<> result) { up = std::move(result); }); },
        [](const std::string&) {});
  }
  static upstream::UpstreamConfig config(std::uint16_t port) {
    upstream::UpstreamConfig made;
    made.endpoint = {net::Endpoint::Kind::tcp, "127.0.0.1", port};
    return made;
  }
  upstream::Control control;
  fleet::Store store;
  LeaseService service;
  std::optional<Result<>> up;
};

class LeaseFleetTest : public LeaseTest {
 protected:
  LeaseFleetTest() {
    settings.period = 800ms;
    settings.max_users = 50;
    settings.linger = 60s;
  }
  std::unique_ptr<Instance> begin(const std::string& name, const std::string& secret = "s") {
    LeaseConfig own = settings;
    own.instance = name;
    return std::make_unique<Instance>(io, redis.port(), own, *journal, clock, secret);
  }
  bool up(Instance& instance) {
    return run_until(io, [&] { return instance.up.has_value(); }) && instance.up->has_value();
  }
  std::string user_of(Instance& instance, const std::string& principal) {
    LeasePtr lease;
    instance.service.acquire(principal, grants, [&](const Result<LeasePtr>& one) {
      if (one) lease = *one;
    });
    EXPECT_TRUE(run_until(io, [&] { return lease != nullptr; }));
    return lease ? lease->user : "";
  }
  // The record of a process on another machine, which writes `beats` of them.
  ClaimRecord stranger() {
    ClaimRecord record = this_process(settings.period);
    record.place = "another machine";
    record.host = "far-away";
    return record;
  }
  void write(fleet::Store& store, const std::string& instance, const ClaimRecord& record) {
    bool done = false;
    store.put(claim_name(user_prefix(instance).substr(3, 8)), write_claim(record), 1h,
              [&](const Result<>& result) { done = result.has_value(); });
    ASSERT_TRUE(run_until(io, [&] { return done; }));
  }
};

TEST_F(LeaseFleetTest, ALiveNameIsRefused) {
  auto first = begin("one");
  ASSERT_TRUE(up(*first));
  const std::string user = user_of(*first, "okta:w1");
  ClaimRecord far = stranger();
  write(first->store, "two", far);
  auto second = begin("two");
  const auto asked = std::chrono::steady_clock::now();
  run_until(io, [&] {
    if (std::chrono::steady_clock::now() - asked > 300ms && far.beat == 0) {
      ++far.beat;
      first->store.put(claim_name(user_prefix("two").substr(3, 8)), write_claim(far), 1h,
                       [](const Result<>&) {});
    }
    return second->up.has_value();
  });
  ASSERT_TRUE(second->up && second->up->has_error());
  EXPECT_EQ(second->up->error().code(), Errc::invalid);
  EXPECT_NE(second->up->error().message().find("on far-away"), std::string::npos)
      << second->up->error().message();
  EXPECT_NE(second->up->error().message().find("instance: NAME"), std::string::npos);
  EXPECT_TRUE(has(users(redis), user));
}

TEST_F(LeaseFleetTest, ASilentNameIsTakenOverAfterAPeriod) {
  auto first = begin("one");
  ASSERT_TRUE(up(*first));
  write(first->store, "two", stranger());
  const std::string left = user_prefix("two") + "0123456789abcdef";
  ASSERT_EQ(text_of(redis.hiredis().call({"ACL", "SETUSER", left, "on", "~x"})), "OK");
  const auto asked = std::chrono::steady_clock::now();
  auto second = begin("two");
  ASSERT_TRUE(up(*second)) << second->up->error().message();
  EXPECT_GE(std::chrono::steady_clock::now() - asked, settings.period);
  EXPECT_TRUE(run_until(
      io, [&] { return !has(users(redis), left); }, 1s))
      << "swept at the start";
}

TEST_F(LeaseFleetTest, TheUsersOfADeadInstanceGoAfterTwoPeriods) {
  auto first = begin("one"), second = begin("two");
  ASSERT_TRUE(up(*first) && up(*second));
  const std::string mine = user_of(*first, "okta:w1"), theirs = user_of(*second, "okta:w1");
  const std::string foreign = "kw_0000aaaa_0123456789abcdef", human = "kw_human";
  for (const std::string& name : {foreign, human})
    ASSERT_EQ(text_of(redis.hiredis().call({"ACL", "SETUSER", name, "on", "~x"})), "OK");
  test::run_for(io, 3 * settings.period);
  EXPECT_TRUE(has(users(redis), mine) && has(users(redis), theirs)) << "both live";
  second.reset();  // as a crash: nothing is given back
  const auto died = std::chrono::steady_clock::now();
  test::run_for(io, settings.period);
  EXPECT_TRUE(has(users(redis), theirs));
  ASSERT_TRUE(run_until(
      io, [&] { return !has(users(redis), theirs); }, 5s));
  const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(
      std::chrono::steady_clock::now() - died);
  std::cout << "orphans of an instance that died: " << took.count() << " ms at a period of "
            << settings.period.count() << " ms\n";
  EXPECT_GE(took, settings.period);
  EXPECT_LE(took, 3 * settings.period);
  const auto left = users(redis);
  EXPECT_TRUE(has(left, mine) && has(left, foreign) && has(left, human));
  EXPECT_TRUE(run_until(
      io, [&] { return count(theirs, "left by an instance that is gone") == 1; }, 1s));
}

// It is asked about only while it has users. That nobody asked for a while says nothing of it,
// whoever answers first when all have some again.
TEST_F(LeaseFleetTest, InstancesThatHadNoUsersForAWhileLive) {
  settings.period = 400ms;
  settings.linger = 50ms;
  std::vector<std::unique_ptr<Instance>> all;
  for (const char* name : {"one", "two", "three", "four"}) {
    all.push_back(begin(name));
    ASSERT_TRUE(up(*all.back()));
  }
  for (int round = 0; round < 2; ++round) {
    std::vector<std::string> made;
    for (const auto& one : all) made.push_back(user_of(*one, "okta:w1"));
    test::run_for(io, 2 * settings.period);
    for (const std::string& user : made) {
      EXPECT_TRUE(has(users(redis), user)) << "round " << round;
      EXPECT_EQ(count(user, "left by an instance that is gone"), 0U);
    }
    for (std::size_t i = 0; i < all.size(); ++i) all[i]->service.release(made[i]);
    ASSERT_TRUE(run_until(
        io, [&] { return users(redis).size() <= 2; }, 3s));
    test::run_for(io, 3 * settings.period);
  }
}

TEST_F(LeaseFleetTest, InstancesOfAnotherSecretAreStrangers) {
  auto first = begin("one"), second = begin("two", "another");
  ASSERT_TRUE(up(*first) && up(*second));
  const std::string theirs = user_of(*second, "okta:w1");
  second.reset();
  test::run_for(io, 4 * settings.period);
  EXPECT_TRUE(has(users(redis), theirs));
}

TEST_F(LeaseFleetTest, AStoppedInstanceGivesItsNameBack) {
  auto first = begin("one");
  ASSERT_TRUE(up(*first));
  user_of(*first, "okta:w1");
  bool stopped = false;
  first->service.delete_all(2s, [&] { stopped = true; });
  ASSERT_TRUE(run_until(io, [&] { return stopped; }));
  EXPECT_EQ(users(redis).size(), 1U);
  EXPECT_EQ(redis.hiredis()
                .call({"GET", "keyward:fleet:instance/" + user_prefix("one").substr(3, 8)})
                ->type,
            REDIS_REPLY_NIL);
}

TEST_F(LeaseFleetTest, ARivalIsTold) {
  auto first = begin("one");
  ASSERT_TRUE(up(*first));
  EXPECT_EQ(first->service.rival(), "");
  write(first->store, "one", stranger());
  ASSERT_TRUE(run_until(
      io, [&] { return !first->service.rival().empty(); }, 3s));
  ASSERT_EQ(redis.hiredis().call({"FLUSHALL"})->type, REDIS_REPLY_STATUS);
  ASSERT_TRUE(run_until(
      io, [&] { return first->service.rival().empty(); }, 3s))
      << "it is put back";
}

TEST_F(LeaseFleetTest, StraysOfOnesOwnNameGo) {
  auto first = begin("one");
  ASSERT_TRUE(up(*first));
  const std::string stray = user_prefix("one") + "0123456789abcdef";
  ASSERT_EQ(text_of(redis.hiredis().call({"ACL", "SETUSER", stray, "on", "~x"})), "OK");
  test::run_for(io, settings.period);
  EXPECT_TRUE(has(users(redis), stray));
  EXPECT_TRUE(run_until(
      io, [&] { return !has(users(redis), stray); }, 3s));
}

TEST_F(LeaseFleetTest, WithoutTheRightToKeepRecordsItGoesOn) {
  ASSERT_EQ(text_of(redis.hiredis().call({"ACL", "SETUSER", "default", "resetkeys"})), "OK");
  auto first = begin("one");
  EXPECT_TRUE(up(*first));
  EXPECT_NE(user_of(*first, "okta:w1"), "");
}

}  // namespace
}  // namespace keyward::lease
