// Leases against a real redis-server: its ACL is the judge of what a leased user may do.
#include "redis/lease_fixture.h"

#include "keyward/audit/verify.h"
#include "keyward/base/hash.h"
#include "keyward/lease/lease_client.h"
#include "keyward/lease/lease_service.h"
#include "keyward/lease/self_test.h"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <future>
#include <optional>
#include <thread>

namespace keyward::lease {
namespace {

TEST_F(LeaseTest, UserMayWhatItsGrantsAllowAndNothingElse) {
  start();
  const auto lease = acquire("okta:w1");
  ASSERT_TRUE(lease.has_value()) << lease.error().message();
  auto client = redis.hiredis();
  ASSERT_EQ(login(client, **lease), "OK");
  EXPECT_EQ(text_of(client.call({"SET", "team:a", "1"})), "OK");
  EXPECT_EQ(text_of(client.call({"GET", "team:a"})), "1");
  EXPECT_TRUE(text_of(client.call({"GET", "other:a"})).starts_with("NOPERM"));
  EXPECT_TRUE(text_of(client.call({"FLUSHALL"})).starts_with("NOPERM"));
  EXPECT_TRUE(text_of(client.call({"ACL", "USERS"})).starts_with("NOPERM"));
  EXPECT_EQ(service->counters().created, 1U);
  EXPECT_EQ(service->counters().live, 1U);
  // On the trail: who and which user, never the password or its hash.
  const std::string written = records();
  EXPECT_EQ(count((*lease)->user, "okta:w1"), 1U) << written;
  EXPECT_EQ(written.find((*lease)->password.reveal()), std::string::npos);
  EXPECT_EQ(written.find(hex(sha256((*lease)->password.reveal()))), std::string::npos);
}

TEST_F(LeaseTest, OneUserForTheSameIdentityAndRights) {
  start();
  const auto first = acquire("okta:w1");
  const auto second = acquire("okta:w1");
  const auto other = acquire("okta:w2");
  ASSERT_TRUE(first.has_value() && second.has_value() && other.has_value());
  EXPECT_EQ(*first, *second);
  EXPECT_NE((*first)->user, (*other)->user);
  EXPECT_EQ(service->counters().created, 2U);
}

TEST_F(LeaseTest, ScopeRightsSharesOneUserAmongEqualRights) {
  PolicyFolder other;
  const auto shared =
      policy::test::grants_of(other.grant(std::string(kTeam) + "    lease: {scope: rights}\n"));
  ASSERT_TRUE(shared) << other.said();
  start();
  const auto first = acquire("okta:w1", shared);
  const auto second = acquire("okta:w2", shared);
  const auto own = acquire("okta:w1");
  ASSERT_TRUE(first.has_value() && second.has_value() && own.has_value());
  EXPECT_EQ(*first, *second);
  EXPECT_NE((*first)->user, (*own)->user);
  EXPECT_EQ(service->counters().created, 2U);
  EXPECT_EQ(count((*first)->user, "shared by all identities of equal rights"), 1U) << records();
  EXPECT_EQ(count((*first)->user, "okta:w1"), 0U) << "it is nobody's in particular";
  service->release((*first)->user);
  test::run_for(io, 400ms);
  EXPECT_TRUE(has(users(redis), (*first)->user)) << "the other identity holds it";
}

TEST_F(LeaseTest, ModeStaticNeedsNoRightToMakeUsers) {
  auto admin = redis.hiredis();
  ASSERT_EQ(text_of(admin.call({"ACL", "SETUSER", "app", "on", ">app-secret", "~team:*", "+@all"})),
            "OK");
  PolicyFolder other;
  const auto fixed =
      policy::test::grants_of(other.grant(std::string(kTeam) + "    lease: {mode: static}\n"));
  ASSERT_TRUE(fixed) << other.said();
  const auto refused = acquire("okta:w1", fixed);
  ASSERT_TRUE(refused.has_error());
  EXPECT_NE(refused.error().message().find("upstream.static_user"), std::string::npos);

  int read = 0;
  service =
      std::make_unique<LeaseService>(io, *control,
                                     LeaseConfig{.instance = "test",
                                                 .static_user = "app",
                                                 .static_password =
                                                     [&read] {
                                                       ++read;
                                                       return Result<Secret>(Secret("app-secret"));
                                                     }},
                                     *journal, clock);
  // The control connection is down, and would lack ACL SETUSER: nothing is asked of it.
  const auto lease = acquire("okta:w1", fixed);
  ASSERT_TRUE(lease.has_value()) << lease.error().message();
  EXPECT_EQ((*lease)->user, "app");
  EXPECT_EQ(read, 1);
  auto client = redis.hiredis();
  EXPECT_EQ(login(client, **lease), "OK");
  EXPECT_TRUE(allow("app", "news:a*").has_value());
  EXPECT_TRUE(repair("app").has_error()) << "its password is not ours to set";
  service->release("app");
  test::run_for(io, 400ms);
  EXPECT_TRUE(has(users(redis), "app"));
  EXPECT_EQ(service->counters().created, 0U);
}

TEST_F(LeaseTest, DeletedAfterTheLingerWhenNobodyHoldsIt) {
  start();
  const auto lease = acquire("okta:w1");
  (void)acquire("okta:w1");
  const std::string user = (*lease)->user;
  auto client = redis.hiredis();
  ASSERT_EQ(login(client, **lease), "OK");
  service->release(user);
  test::run_for(io, 500ms);
  EXPECT_TRUE(has(users(redis), user)) << "one still holds it";
  service->release(user);
  test::run_for(io, 100ms);
  EXPECT_TRUE(has(users(redis), user)) << "it lingers";
  ASSERT_TRUE(run_until(io, [&] { return service->counters().deleted == 1; }));
  EXPECT_FALSE(has(users(redis), user));
  EXPECT_EQ(client.call({"GET", "team:a"}), nullptr) << "Redis cut what was logged in";
  EXPECT_EQ(count(user, "unused"), 1U) << records();
  EXPECT_EQ(service->counters().live, 0U);
}

TEST_F(LeaseTest, AclLogTellsOfWhatLeasedUsersWereRefused) {
  // Of an earlier run, and of nobody of ours.
  auto stranger = redis.hiredis();
  stranger.call({"AUTH", user_prefix("test") + "0123456789abcdef", "x"});
  stranger.call({"AUTH", "somebody", "x"});
  start();
  const auto lease = acquire("okta:w1");
  ASSERT_TRUE(lease.has_value());
  auto client = redis.hiredis();
  ASSERT_EQ(login(client, **lease), "OK");
  EXPECT_EQ(text_of(client.call({"GET", "team:a"})), "");
  // Making, testing, repairing and deleting users leaves no trace in the log.
  ASSERT_TRUE(repair((*lease)->user).has_value());
  const auto other = acquire("okta:w2");
  ASSERT_TRUE(other.has_value());
  service->release((*other)->user);
  ASSERT_TRUE(run_until(io, [&] { return service->counters().deleted == 1; }));
  test::run_for(io, 200ms);
  EXPECT_EQ(service->counters().acl_drift, 0U) << records();
  // Somebody narrows the user; or uses it beside the proxy.
  redis.hiredis().call({"ACL", "SETUSER", (*lease)->user, "clearselectors"});
  EXPECT_TRUE(text_of(client.call({"GET", "team:secret\n"})).starts_with("NOPERM"));
  EXPECT_TRUE(text_of(client.call({"GET", "team:secret\n"})).starts_with("NOPERM"));
  ASSERT_TRUE(run_until(io, [&] { return service->counters().acl_drift == 2; }));
  auto thief = redis.hiredis();
  EXPECT_TRUE(text_of(thief.call({"AUTH", (*lease)->user, "guess"})).starts_with("WRONGPASS"));
  ASSERT_TRUE(run_until(io, [&] { return service->counters().acl_drift == 3; }));
  test::run_for(io, 200ms);
  EXPECT_EQ(service->counters().acl_drift, 3U);
  EXPECT_GE(count("\"kind\":\"drift\"", "command 'get', toplevel"), 1U) << records();
  EXPECT_EQ(count("\"kind\":\"drift\"", "auth 'AUTH', toplevel, 1 time"), 1U) << records();
  EXPECT_GE(count("\"kind\":\"drift\"", "okta:w1"), 2U);
  EXPECT_EQ(records().find("client-info"), std::string::npos);
  EXPECT_EQ(records().find("guess"), std::string::npos);
  // The log is somebody else's as well: it stays.
  EXPECT_GE(redis.hiredis().call({"ACL", "LOG"})->elements, 4U);
}

TEST_F(LeaseTest, AnAdminWithoutAclLogStillMakesUsers) {
  redis.hiredis().call({"ACL", "SETUSER", "default", "-acl|log"});
  start();
  ASSERT_TRUE(acquire("okta:w1").has_value());
  test::run_for(io, 200ms);
  EXPECT_EQ(service->counters().acl_drift, 0U);
}

TEST_F(LeaseTest, NoLeaseWhenRedisDisagreesWithThePolicy) {
  start();
  auto wrong = std::make_shared<policy::Grants>(*grants);
  const_cast<policy::AclRules&>(wrong->acl()).probes.push_back({{"GET", "other:a"}, true});
  auto refused = acquire("okta:w1", wrong);
  ASSERT_TRUE(refused.has_error());
  EXPECT_EQ(refused.error().code(), Errc::internal);
  wrong = std::make_shared<policy::Grants>(*grants);
  const_cast<policy::AclRules&>(wrong->acl()).probes.push_back({{"GET", "team:a"}, false});
  refused = acquire("okta:w2", wrong);
  ASSERT_TRUE(refused.has_error());
  EXPECT_EQ(refused.error().code(), Errc::internal);
  // A rule that Redis does not understand.
  wrong = std::make_shared<policy::Grants>(*grants);
  const_cast<policy::AclRules&>(wrong->acl()).tokens.emplace_back("+nosuchcommand");
  refused = acquire("okta:w3", wrong);
  ASSERT_TRUE(refused.has_error());
  EXPECT_EQ(refused.error().code(), Errc::internal);
  EXPECT_EQ(service->counters().failed, 3U);
  EXPECT_TRUE(run_until(io, [&] { return service->counters().live == 0; }));
  EXPECT_TRUE(run_until(io, [&] { return users(redis).size() == 1; })) << "only default is left";
}

TEST_F(LeaseTest, ServersWithoutDryrunAreTakenUntested) {
  start();
  auto untested = std::make_shared<policy::Grants>(*grants);
  ASSERT_FALSE(untested->acl().probes.empty()) << "the policy makes probes";
  (void)redis.hiredis().call({"ACL", "SETUSER", "default", "-acl|dryrun"});
  EXPECT_TRUE(acquire("okta:w1", untested).has_value());
}

TEST_F(LeaseTest, SweepsWhatItsOwnEarlierRunLeftAndNothingElse) {
  const std::string own = user_prefix("test"), foreign = user_prefix("another");
  const std::string again = user_name(own, "okta:w1", *grants);
  for (const std::string& name :
       {own + "0123456789abcdef", again, foreign + "0123456789abcdef", std::string("kw_"),
        std::string("kw_human"), std::string("alice")}) {
    ASSERT_EQ(text_of(redis.hiredis().call({"ACL", "SETUSER", name, "on", ">old", "+@all"})), "OK");
  }
  start();
  const auto lease = acquire("okta:w1");
  ASSERT_TRUE(lease.has_value());
  EXPECT_EQ((*lease)->user, again);
  const auto left = users(redis);
  EXPECT_FALSE(has(left, own + "0123456789abcdef"));
  EXPECT_TRUE(has(left, foreign + "0123456789abcdef"));
  EXPECT_TRUE(has(left, "kw_") && has(left, "kw_human") && has(left, "alice"));
  EXPECT_EQ(service->counters().swept, 2U);
  EXPECT_EQ(count(own + "0123456789abcdef", "earlier run"), 1U);
  auto client = redis.hiredis();
  EXPECT_TRUE(text_of(client.call({"AUTH", again, "old"})).starts_with("WRONGPASS"));
  ASSERT_EQ(login(client, **lease), "OK");
  EXPECT_TRUE(text_of(client.call({"FLUSHALL"})).starts_with("NOPERM"))
      << "nothing of the old user's rights is left";
}

// A login that comes before Redis was reached: the sweep goes first, and does not take the new user
// for a leftover.
TEST_F(LeaseTest, LoginBeforeTheSweepIsServedAfterIt) {
  const std::string user = user_name(user_prefix("test"), "okta:w1", *grants);
  ASSERT_EQ(text_of(redis.hiredis().call({"ACL", "SETUSER", user, "on", ">old", "+@all"})), "OK");
  std::optional<Result<LeasePtr>> early;
  service->acquire("okta:w1", grants, [&early](Result<LeasePtr> one) { early = std::move(one); });
  start();
  ASSERT_TRUE(run_until(io, [&] { return early.has_value(); }));
  ASSERT_TRUE(early->has_value()) << early->error().message();
  auto client = redis.hiredis();
  EXPECT_EQ(login(client, ***early), "OK");
}

TEST_F(LeaseTest, RepairsAUserDeletedBehindItsBack) {
  start();
  const auto lease = acquire("okta:w1");
  ASSERT_EQ(redis.hiredis().call({"ACL", "DELUSER", (*lease)->user})->integer, 1);
  int repaired = 0;
  for (int asker = 0; asker < 5; ++asker) {
    service->repair((*lease)->user, Refusal::login,
                    [&repaired](const Result<>& done) { repaired += done.has_value() ? 1 : 0; });
  }
  ASSERT_TRUE(run_until(io, [&] { return repaired == 5; }));
  EXPECT_EQ(service->counters().repaired, 1U) << "one SETUSER for all who ask";
  auto client = redis.hiredis();
  EXPECT_EQ(login(client, **lease), "OK");
  EXPECT_EQ(text_of(client.call({"SET", "team:a", "1"})), "OK");
  EXPECT_TRUE(repair("kw_unknown").has_error());
  EXPECT_EQ(count((*lease)->user, "made again"), 1U) << records();
}

TEST_F(LeaseTest, RestartOfRedisBringsHeldUsersBack) {
  start();
  const auto held = acquire("okta:w1");
  const auto idle = acquire("okta:w2");
  ASSERT_TRUE(allow((*held)->user, "news:x*").has_value());
  service->release((*idle)->user);
  redis.restart();
  ASSERT_TRUE(
      run_until(io, [this] { return reconciled == 2 && service->counters().repaired == 1; }));
  auto client = redis.hiredis();
  EXPECT_EQ(login(client, **held), "OK");
  EXPECT_EQ(text_of(client.call({"SET", "team:a", "1"})), "OK");
  EXPECT_EQ(client.call({"PSUBSCRIBE", "news:x*"})->type, REDIS_REPLY_ARRAY)
      << "the added pattern came back as well";
  EXPECT_FALSE(has(users(redis), (*idle)->user));
  const auto anew = acquire("okta:w2");
  ASSERT_TRUE(anew.has_value());
}

TEST_F(LeaseTest, LoginWaitsForRedisButNotForEver) {
  start();
  redis.kill();
  ASSERT_TRUE(run_until(io, [this] { return !control->up(); }));
  const auto before = std::chrono::steady_clock::now();
  std::optional<Result<LeasePtr>> late;
  service->acquire("okta:w1", grants, [&late](Result<LeasePtr> one) { late = std::move(one); });
  ASSERT_TRUE(run_until(io, [&] { return late.has_value(); }));
  ASSERT_TRUE(late->has_error());
  EXPECT_EQ(late->error().code(), Errc::unavailable);
  EXPECT_GE(std::chrono::steady_clock::now() - before, 4900ms);
  EXPECT_LE(std::chrono::steady_clock::now() - before, 6500ms);
  late.reset();
  service->acquire("okta:w1", grants, [&late](Result<LeasePtr> one) { late = std::move(one); });
  test::run_for(io, 100ms);
  redis.restart();
  ASSERT_TRUE(run_until(io, [&] { return late.has_value(); }));
  EXPECT_TRUE(late->has_value()) << late->error().message();
}

TEST_F(LeaseTest, AddsLiteralPatternsWithoutCuttingSubscribers) {
  start();
  const auto lease = acquire("okta:w1");
  const std::string& user = (*lease)->user;
  auto client = redis.hiredis();
  ASSERT_EQ(login(client, **lease), "OK");
  EXPECT_TRUE(text_of(client.call({"PSUBSCRIBE", "news:a*"})).starts_with("NOPERM"));
  ASSERT_TRUE(allow(user, "news:a*").has_value());
  EXPECT_EQ(client.call({"PSUBSCRIBE", "news:a*"})->type, REDIS_REPLY_ARRAY);
  ASSERT_TRUE(allow(user, "news:b*").has_value());
  ASSERT_TRUE(allow(user, "news:c(\"*").has_value());
  EXPECT_EQ(client.call({"PSUBSCRIBE", "news:b*"})->type, REDIS_REPLY_ARRAY)
      << "still connected, and allowed";
  auto other = redis.hiredis();
  ASSERT_EQ(login(other, **lease), "OK");
  other.append({"PSUBSCRIBE", "news:*", "news:a*", "news:b*", "news:c(\"*"});
  EXPECT_EQ(other.next()->type, REDIS_REPLY_ARRAY) << "several patterns at once";
  const auto injected = allow(user, "news:x +@all ~*");
  ASSERT_TRUE(injected.has_error());
  EXPECT_EQ(injected.error().code(), Errc::invalid);
  auto third = redis.hiredis();
  ASSERT_EQ(login(third, **lease), "OK");
  EXPECT_TRUE(text_of(third.call({"GET", "other:a"})).starts_with("NOPERM"));
  EXPECT_TRUE(text_of(third.call({"PSUBSCRIBE", "*"})).starts_with("NOPERM"));
  // Deleted behind our back: repaired with all of them.
  ASSERT_EQ(redis.hiredis().call({"ACL", "DELUSER", user})->integer, 1);
  ASSERT_TRUE(repair(user).has_value());
  auto fourth = redis.hiredis();
  ASSERT_EQ(login(fourth, **lease), "OK");
  EXPECT_EQ(fourth.call({"PSUBSCRIBE", "news:b*"})->type, REDIS_REPLY_ARRAY);
}

TEST_F(LeaseTest, AtTheCapTheLongestUnusedUserGoes) {
  start();
  std::vector<LeasePtr> leases;
  for (const char* who : {"a", "b", "c"}) leases.push_back(*acquire(who));
  const auto refused = acquire("d");
  ASSERT_TRUE(refused.has_error());
  EXPECT_EQ(refused.error().code(), Errc::limit);
  service->release(leases[1]->user);
  ASSERT_TRUE(acquire("d").has_value());
  EXPECT_FALSE(has(users(redis), leases[1]->user));
  EXPECT_EQ(users(redis).size(), 4U);
}

TEST_F(LeaseTest, ShutdownLeavesNothing) {
  start();
  const auto lease = acquire("okta:w1");
  (void)acquire("okta:w2");
  service->release((*lease)->user);
  bool done = false;
  service->delete_all(2s, [&done] { done = true; });
  ASSERT_TRUE(run_until(io, [&done] { return done; }));
  EXPECT_EQ(users(redis).size(), 1U);
  EXPECT_EQ(service->counters().deleted, 2U);
  EXPECT_TRUE(acquire("okta:w3").has_error());
  journal->close("stopped");
  const auto report = audit::verify(trail.path());
  ASSERT_TRUE(report.has_value());
  EXPECT_TRUE(report->whole());
}

TEST_F(LeaseTest, ShutdownDoesNotWaitForADeadRedis) {
  start();
  (void)acquire("okta:w1");
  redis.pause();
  bool done = false;
  const auto before = std::chrono::steady_clock::now();
  service->delete_all(300ms, [&done] { done = true; });
  ASSERT_TRUE(run_until(io, [&done] { return done; }));
  EXPECT_LT(std::chrono::steady_clock::now() - before, 1s);
}

TEST_F(LeaseTest, SelfTestNamesTheCommand) {
  start();
  ASSERT_EQ(
      text_of(redis.hiredis().call({"ACL", "SETUSER", "probe", "on", "nopass", "~a:*", "+get"})),
      "OK");
  policy::AclRules rules;
  std::optional<SelfTest> result;
  std::string detail;
  const auto run = [&](std::vector<policy::AclRules::Probe> probes) {
    rules.probes = std::move(probes);
    result.reset();
    self_test(*control, "probe", rules, [&](SelfTest one, const std::string& text) {
      result = one;
      detail = text;
    });
    (void)run_until(io, [&] { return result.has_value(); });
    return *result;
  };
  EXPECT_EQ(run({}), SelfTest::passed);
  EXPECT_EQ(run({{{"GET", "a:1"}, true}, {{"GET", "b:1"}, false}, {{"SET", "a:1", "x"}, false}}),
            SelfTest::passed);
  EXPECT_EQ(run({{{"GET", "a:1"}, true}, {{"SET", "a:1", "x"}, true}}), SelfTest::disagrees);
  EXPECT_EQ(detail, "SET is refused but should be allowed");
  EXPECT_EQ(run({{{"GET", "a:1"}, false}}), SelfTest::disagrees);
  EXPECT_EQ(run({{{"NOSUCH"}, true}}), SelfTest::disagrees);
  EXPECT_EQ(run({{{"NOSUCH"}, false}}), SelfTest::passed);
  redis.kill();
  EXPECT_EQ(run({{{"GET", "a:1"}, true}}), SelfTest::lost);
}

// A shard on its own thread's loop, the service on another's.
class LeaseClientTest : public LeaseTest {
 protected:
  void SetUp() override {
    LeaseTest::SetUp();
    start();
    work.emplace(io.get_executor());
    io.restart();
    thread = std::thread([this] { io.run(); });
    client = std::make_unique<LeaseClient>(shard, io, *service, 100ms);
  }
  void TearDown() override {
    work.reset();
    io.stop();
    if (thread.joinable()) thread.join();
  }
  LeaseService::Counters counters() {
    std::promise<LeaseService::Counters> promise;
    boost::asio::post(io, [&] { promise.set_value(service->counters()); });
    return promise.get_future().get();
  }

  boost::asio::io_context shard;
  std::optional<boost::asio::executor_work_guard<boost::asio::io_context::executor_type>> work;
  std::thread thread;
  std::unique_ptr<LeaseClient> client;
};

TEST_F(LeaseClientTest, AsksOnceAndAnswersTheRestAtOnce) {
  std::vector<LeasePtr> leases;
  const auto take = [&](const Result<LeasePtr>& lease) { leases.push_back(*lease); };
  for (int count = 0; count < 100; ++count) client->acquire("okta:w1", grants, take);
  EXPECT_TRUE(leases.empty());
  ASSERT_TRUE(run_until(shard, [&] { return leases.size() == 100; }));
  client->acquire("okta:w1", grants, take);
  EXPECT_EQ(leases.size(), 101U) << "from inside the call";
  EXPECT_EQ(client->held(), 1U);
  const std::string user = leases[0]->user;
  for (int count = 0; count < 101; ++count) client->release(user);
  EXPECT_EQ(client->held(), 0U);
  client->acquire("okta:w1", grants, take);  // within the shard's linger
  EXPECT_EQ(leases.size(), 102U);
  test::run_for(shard, 500ms);
  EXPECT_EQ(counters().created, 1U);
  EXPECT_EQ(counters().deleted, 0U) << "held again: the old linger counts no more";
  client->release(user);
  ASSERT_TRUE(run_until(shard, [&] { return counters().deleted == 1; }));
  client->release(user);  // once too often: nothing happens
  EXPECT_FALSE(has(users(redis), user));
}

TEST_F(LeaseClientTest, RepairsAndPatternsTravel) {
  LeasePtr lease;
  client->acquire("okta:w1", grants, [&](const Result<LeasePtr>& one) { lease = *one; });
  ASSERT_TRUE(run_until(shard, [&] { return lease != nullptr; }));
  int good = 0, bad = 0;
  const auto tally = [&](const Result<>& result) { ++(result.has_value() ? good : bad); };
  client->allow_literal_channel(lease->user, "news:a*", tally);
  ASSERT_TRUE(run_until(shard, [&] { return good == 1; }));
  client->allow_literal_channel(lease->user, "news:a*", tally);
  EXPECT_EQ(good, 2) << "known on this shard";
  client->allow_literal_channel(lease->user, "a b", tally);
  ASSERT_TRUE(run_until(shard, [&] { return bad == 1; }));
  ASSERT_EQ(redis.hiredis().call({"ACL", "DELUSER", lease->user})->integer, 1);
  for (int count = 0; count < 10; ++count) client->repair(lease->user, Refusal::login, tally);
  ASSERT_TRUE(run_until(shard, [&] { return good == 12; }));
  EXPECT_EQ(counters().repaired, 1U);
  client->repair("nobody", Refusal::login, tally);
  ASSERT_TRUE(run_until(shard, [&] { return bad == 2; }));
  client->release(lease->user);
}

TEST_F(LeaseClientTest, TwoShardsShareTheUser) {
  LeaseClient second(shard, io, *service, 50ms);
  LeasePtr one, two;
  client->acquire("okta:w1", grants, [&](const Result<LeasePtr>& lease) { one = *lease; });
  second.acquire("okta:w1", grants, [&](const Result<LeasePtr>& lease) { two = *lease; });
  ASSERT_TRUE(run_until(shard, [&] { return one && two; }));
  EXPECT_EQ(one, two);
  client->release(one->user);
  test::run_for(shard, 600ms);
  EXPECT_TRUE(has(users(redis), two->user)) << "the other shard holds it";
  second.close();
  ASSERT_TRUE(run_until(shard, [&] { return counters().deleted == 1; }));
}

TEST_F(LeaseClientTest, SharesWhatIsSharedWithoutATrip) {
  PolicyFolder other;
  const auto shared =
      policy::test::grants_of(other.grant(std::string(kTeam) + "    lease: {scope: rights}\n"));
  ASSERT_TRUE(shared) << other.said();
  LeasePtr one;
  client->acquire("okta:w1", shared, [&](const Result<LeasePtr>& lease) { one = *lease; });
  ASSERT_TRUE(run_until(shard, [&] { return one != nullptr; }));
  EXPECT_EQ(client->acquire_held("okta:w2", *shared), one);
  EXPECT_EQ(client->acquire_held("okta:w2", *grants), nullptr);
  client->release(one->user);
  client->release(one->user);
}

TEST_F(LeaseClientTest, CloseGivesBackWhatIsStillOnItsWay) {
  int failed = 0;
  client->acquire("okta:w1", grants,
                  [&](const Result<LeasePtr>& lease) { failed += lease.has_error() ? 1 : 0; });
  client->close();
  EXPECT_EQ(failed, 1);
  ASSERT_TRUE(run_until(shard, [&] { return counters().deleted == 1; }));
}

}  // namespace
}  // namespace keyward::lease
