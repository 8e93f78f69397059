// What others do to the users, and what becomes of them when Redis is another one: seen and mended
// within a second, on real servers.
#include "redis/lease_fixture.h"
#include "support/chaos_redis.h"

#include <chrono>
#include <iostream>

namespace keyward::lease {
namespace {

constexpr auto kSoon = 1000ms;

void describe(const redisReply& reply, std::string& out) {
  if (reply.str != nullptr) out += std::string(reply.str, reply.len) + ";";
  for (std::size_t i = 0; i < reply.elements; ++i) describe(*reply.element[i], out);
}

std::string rules_of(const RedisServer& server, const std::string& user) {
  std::string text;
  if (const auto reply = server.hiredis().call({"ACL", "GETUSER", user})) describe(*reply, text);
  return text;
}

class LeaseWatchTest : public LeaseTest {
 protected:
  LeaseWatchTest() {
    settings.max_users = 100;
    settings.look_every = 250ms;  // half of what is usual: these tests wait for many looks
  }

  std::vector<LeasePtr> hold(int count) {
    std::vector<LeasePtr> leases;
    for (int i = 0; i < count; ++i) {
      auto lease = acquire("okta:w" + std::to_string(i));
      EXPECT_TRUE(lease.has_value());
      leases.push_back(*lease);
    }
    return leases;
  }
  static bool all_there(const RedisServer& server, const std::vector<LeasePtr>& leases) {
    const auto names = users(server);
    return std::ranges::all_of(leases,
                               [&](const LeasePtr& lease) { return has(names, lease->user); });
  }
  // From now until it holds; what took longer than a second is a failure.
  template <class Condition>
  void expect_soon(const char* what, Condition condition) {
    const auto begun = std::chrono::steady_clock::now();
    ASSERT_TRUE(run_until(io, condition, 5s)) << what;
    const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(
        std::chrono::steady_clock::now() - begun);
    std::cout << what << ": " << took.count() << " ms\n";
    EXPECT_LE(took, kSoon) << what;
  }
};

TEST_F(LeaseWatchTest, RestartOfRedis) {
  start();
  const auto leases = hold(20);
  redis.restart();
  expect_soon("20 users after a restart", [&] { return all_there(redis, leases); });
  auto client = redis.hiredis();
  EXPECT_EQ(login(client, *leases[7]), "OK");
  EXPECT_EQ(text_of(client.call({"SET", "team:a", "1"})), "OK");
  EXPECT_EQ(service->counters().moves, 1U);
}

TEST_F(LeaseWatchTest, AclLoad) {
  start();
  const auto leases = hold(20);
  test::run_for(io, 300ms);
  ASSERT_EQ(text_of(redis.hiredis().call({"ACL", "LOAD"})), "OK");
  ASSERT_EQ(users(redis).size(), 1U);
  expect_soon("20 users after ACL LOAD", [&] { return all_there(redis, leases); });
  EXPECT_EQ(service->counters().reloads, 1U);
  EXPECT_TRUE(run_until(
      io, [&] { return service->counters().repaired == 20; }, kSoon));
}

TEST_F(LeaseWatchTest, AclLoadOfAFileThatHasThem) {
  start();
  const auto leases = hold(3);
  test::run_for(io, 600ms);
  const std::string right = rules_of(redis, leases[0]->user);
  std::ofstream(acl.file("users.acl"))
      << "user default on nopass ~* &* +@all\nuser " << leases[0]->user << " on >stolen ~* +@all\n";
  ASSERT_EQ(text_of(redis.hiredis().call({"ACL", "LOAD"})), "OK");
  ASSERT_NE(rules_of(redis, leases[0]->user), right);
  expect_soon("the rules after ACL LOAD", [&] {
    return all_there(redis, leases) && rules_of(redis, leases[0]->user) == right;
  });
}

TEST_F(LeaseWatchTest, DeletedBySomebody) {
  start();
  const auto leases = hold(5);
  test::run_for(io, 300ms);
  ASSERT_EQ(redis.hiredis().call({"ACL", "DELUSER", leases[2]->user})->integer, 1);
  expect_soon("a deleted user", [&] { return all_there(redis, leases); });
  EXPECT_TRUE(run_until(
      io, [&] { return service->counters().repaired == 1; }, kSoon));
}

TEST_F(LeaseWatchTest, EditedBySomebody) {
  start();
  const auto leases = hold(5);
  test::run_for(io, 800ms);  // its rules are known by now
  const std::string right = rules_of(redis, leases[2]->user);
  for (const std::vector<std::string>& edit : {std::vector<std::string>{"~*", "+@all"},
                                               {">mine"},
                                               {"clearselectors"},
                                               {"&*"},
                                               {"(~other:* +get)"},
                                               {"nopass"},
                                               {"off"}}) {
    std::vector<std::string> argv{"ACL", "SETUSER", leases[2]->user};
    argv.insert(argv.end(), edit.begin(), edit.end());
    ASSERT_EQ(text_of(redis.hiredis().call(argv)), "OK");
    ASSERT_NE(rules_of(redis, leases[2]->user), right) << edit[0];
    expect_soon(edit[0].c_str(), [&] { return rules_of(redis, leases[2]->user) == right; });
    test::run_for(io, 300ms);
  }
  EXPECT_TRUE(run_until(io, [&] { return service->counters().edited == 7; }, kSoon));
  EXPECT_EQ(service->counters().drift_again, 6U);
  EXPECT_EQ(count(leases[2]->user, "changed by somebody else"), 7U) << records();
}

// Before its rules were asked for: made again on suspicion.
TEST_F(LeaseWatchTest, EditedAtOnce) {
  start();
  const auto leases = hold(3);
  const std::string right = rules_of(redis, leases[2]->user);
  ASSERT_EQ(text_of(redis.hiredis().call({"ACL", "SETUSER", leases[2]->user, "~*"})), "OK");
  expect_soon("edited at once", [&] { return rules_of(redis, leases[2]->user) == right; });
}

TEST_F(LeaseWatchTest, WhatOtherInstancesDoDisturbsNobody) {
  start();
  const auto leases = hold(5);
  test::run_for(io, 800ms);
  auto other = redis.hiredis();
  for (int i = 0; i < 60; ++i) {
    const std::string name = "kw_0000aaaa_00000000000000" + std::to_string(10 + i);
    ASSERT_EQ(text_of(other.call({"ACL", "SETUSER", name, "on", "~x"})), "OK");
    if (i % 3 == 0) test::run_for(io, 40ms);
    if (i > 20) other.call({"ACL", "DELUSER", "kw_0000aaaa_00000000000000" + std::to_string(i)});
  }
  test::run_for(io, 600ms);
  const auto counters = service->counters();
  EXPECT_EQ(counters.repaired + counters.edited + counters.swept, 0U);
  EXPECT_GT(counters.others, 0U);
}

TEST_F(LeaseWatchTest, UsersOfOthersCount) {
  auto other = redis.hiredis();
  for (int i = 10; i < 90; ++i) {
    const std::string name = "kw_0000aaaa_00000000000000" + std::to_string(i);
    ASSERT_EQ(text_of(other.call({"ACL", "SETUSER", name, "on", "~x"})), "OK");
  }
  start();
  const auto leases = hold(20);
  const auto refused = acquire("okta:one-more");
  ASSERT_TRUE(refused.has_error());
  EXPECT_EQ(refused.error().code(), Errc::limit);
  other.call({"ACL", "DELUSER", "kw_0000aaaa_0000000000000010"});
  ASSERT_TRUE(run_until(
      io, [&] { return service->counters().others == 79; }, 2s));
  EXPECT_TRUE(acquire("okta:one-more").has_value());
}

TEST_F(LeaseWatchTest, PasswordsChangeWithAnOverlap) {
  settings.rotate_every = 400ms;
  settings.overlap = 600ms;
  open(redis.port());
  std::vector<LeasePtr> renewed;
  service->set_hooks(
      {.renewed = [&](const LeasePtr& lease) { renewed.push_back(lease); }, .moved = {}});
  start();
  const LeasePtr first = hold(1)[0];
  auto old = redis.hiredis();
  ASSERT_EQ(login(old, *first), "OK");
  ASSERT_TRUE(run_until(
      io, [&] { return renewed.size() == 1; }, 3s));
  const LeasePtr second = renewed[0];
  EXPECT_EQ(second->user, first->user);
  auto both = redis.hiredis();
  EXPECT_EQ(login(both, *first), "OK") << "the old one holds for a while";
  EXPECT_EQ(login(both, *second), "OK");
  EXPECT_EQ(*acquire("okta:w0"), second) << "who comes now gets the new one";
  ASSERT_TRUE(run_until(
      io,
      [&] {
        auto late = redis.hiredis();
        return login(late, *first).starts_with("WRONGPASS");
      },
      3s));
  EXPECT_EQ(text_of(old.call({"SET", "team:a", "1"})), "OK") << "nobody was cut";
  ASSERT_TRUE(run_until(
      io, [&] { return renewed.size() >= 2; }, 3s));
  EXPECT_EQ(service->counters().edited, 0U) << "its own work is no drift";
}

// Failover: a replica is promoted, and the address leads to it.
TEST_F(LeaseWatchTest, PromotedReplica) {
  RedisServer replica{{"--replicaof", "127.0.0.1 " + std::to_string(redis.port())}};
  test::ChaosRedis address(redis.port());
  open(address.port());
  int moved = 0;
  service->set_hooks({.renewed = {}, .moved = [&](const char*) { ++moved; }});
  start();
  const auto leases = hold(20);
  ASSERT_FALSE(all_there(replica, leases)) << "ACL users are not replicated";
  redis.kill();
  address.lead_to(replica.port());
  ASSERT_EQ(text_of(replica.hiredis().call({"REPLICAOF", "NO", "ONE"})), "OK");
  expect_soon("20 users on the promoted replica", [&] { return all_there(replica, leases); });
  auto client = replica.hiredis();
  EXPECT_EQ(login(client, *leases[3]), "OK");
  EXPECT_EQ(moved, 1);
}

// The old primary lives on as a replica: connections to it lead to the wrong one.
TEST_F(LeaseWatchTest, DemotedPrimary) {
  RedisServer other;
  int moved = 0;
  service->set_hooks({.renewed = {}, .moved = [&](const char*) { ++moved; }});
  start();
  hold(2);
  test::run_for(io, 300ms);
  ASSERT_EQ(text_of(redis.hiredis().call({"REPLICAOF", "127.0.0.1", std::to_string(other.port())})),
            "OK");
  expect_soon("a demoted primary", [&] { return moved == 1; });
  ASSERT_TRUE(run_until(io, [&] { return reconciled == 2; }, 3s)) << "the address was tried anew";
  test::run_for(io, 700ms);
  EXPECT_EQ(moved, 1) << "where the address leads nowhere else, that is that";
}

// What the look costs Redis.
TEST_F(LeaseWatchTest, IdleCost) {
  start();
  hold(20);
  test::run_for(io, 1s);
  auto admin = redis.hiredis();
  admin.call({"CONFIG", "RESETSTAT"});
  test::run_for(io, 2s);
  const std::string stats = text_of(admin.call({"INFO", "commandstats"}));
  std::cout << stats;
  EXPECT_EQ(service->counters().edited, 0U);
  EXPECT_EQ(service->counters().repaired, 0U);
}

}  // namespace
}  // namespace keyward::lease
