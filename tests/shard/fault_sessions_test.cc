// What happens to a session while commands are on their way: other identities, new policies,
// limits, the end of its time.
#include "support/conversation.h"
#include "support/proxy_rig.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace keyward {
namespace {

using namespace std::chrono_literals;
using test::converse;
using test::eventually;
using test::packet;
using test::ProxyRig;
using test::RawClient;
using test::Request;

constexpr const char* kNarrow = R"(apiVersion: keyward/v1
team: rig
owners: [rig@example.com]
grants:
  - name: worker
    who: [{issuer: dev, groups: [workers]}]
    databases: [0, 1]
    allow:
      - {commands: ["@read", "@transaction"], keys: ["app:*"]}
      - {commands: ["@write"], keys: ["app:narrow:*"]}
)";

class Sessions : public test::RigTest {
 protected:
  // As many replies as there are requests.
  static std::vector<std::string> ask(RawClient& client, const std::vector<Request>& requests) {
    std::vector<std::string> replies;
    if (!client.send(packet(requests))) return replies;
    for (std::size_t i = 0; i < requests.size(); ++i) replies.push_back(client.read_reply());
    return replies;
  }
};

TEST_F(Sessions, DeniedMemberDoomsTheTransactionAndNothingRuns) {
  RawClient client = rig().client();
  for (const bool watching : {false, true}) {
    const auto got = ask(client, {watching ? Request{"WATCH", "app:k"} : Request{"GET", "app:k"},
                                  {"MULTI"},
                                  {"SET", "app:k", "v"},
                                  {"SET", "secret:k", "v"},
                                  {"SET", "app:j", "v"},
                                  {"EXEC"},
                                  {"EXISTS", "app:k", "app:j"}});
    EXPECT_EQ(word(got[3]), "-NOPERM");
    EXPECT_EQ(got[4], "+QUEUED\r\n");
    EXPECT_EQ(got[5], "-EXECABORT Transaction discarded because of previous errors.\r\n");
    EXPECT_EQ(got[6], ":0\r\n");
  }
  EXPECT_EQ(rig().chaos().requests().find("secret"), std::string::npos);
  EXPECT_EQ(rig().chaos().requests().find("app:k\r\n$1"), std::string::npos);
}

TEST_F(Sessions, E804WatchConflictAnswersNilAndIsRecordedAsNotExecuted) {
  for (const int protocol : {2, 3}) {
    RawClient client = rig().client("alice", protocol);
    ASSERT_EQ(client.call({"WATCH", "app:k"}), "+OK\r\n");
    at_redis({"SET", "app:k", "other"});
    const auto got = ask(
        client,
        {{"MULTI"}, {"SET", "app:mine", "v"}, {"INCR", "app:mine"}, {"EXEC"}, {"GET", "app:k"}});
    EXPECT_EQ(got[3], protocol == 3 ? "_\r\n" : "*-1\r\n");
    EXPECT_EQ(got[4], "$5\r\nother\r\n");
  }
  rig().expect_whole_trail();
  EXPECT_EQ(rig().records("app:mine", "not_executed").size(), 4U);
  EXPECT_EQ(rig().records("app:mine").size(), 4U);
}

TEST_F(Sessions, WatchEndsWithDiscardUnwatchAndAbortedExec) {
  const std::vector<std::vector<Request>> endings{{{"UNWATCH"}},
                                                  {{"MULTI"}, {"DISCARD"}},
                                                  {{"MULTI"}, {"GET", "secret"}, {"EXEC"}},
                                                  {{"MULTI"}, {"EXEC"}}};
  RawClient client = rig().client();
  for (const auto& ending : endings) {
    ASSERT_EQ(client.call({"WATCH", "app:k"}), "+OK\r\n");
    (void)ask(client, ending);
    at_redis({"SET", "app:k", "changed"});
    const auto got = ask(client, {{"MULTI"}, {"SET", "app:mine", "v"}, {"EXEC"}});
    EXPECT_EQ(got[2], "*1\r\n+OK\r\n") << ending.back()[0];
  }
}

TEST_F(Sessions, WatchHoldsAcrossWhatIsDoneUnderIt) {
  RawClient client = rig().client("alice", 3);
  (void)ask(client, {{"WATCH", "app:k"},
                     {"GET", "app:k"},
                     {"BLPOP", "app:none", "0.01"},
                     {"WATCH", "app:j"},
                     {"CLIENT", "ID"}});
  EXPECT_EQ(word(client.call({"SUBSCRIBE", "app:news"})), "-ERR") << "not both on one link";
  at_redis({"SET", "app:k", "changed"});
  EXPECT_EQ(ask(client, {{"MULTI"}, {"SET", "app:mine", "v"}, {"EXEC"}})[2], "_\r\n");
}

// In RESP3 commands run beside subscriptions. A WATCH there could be forgotten when they end.
TEST_F(Sessions, NoWatchIsLostWhenSubscriptionsEnd) {
  RawClient client = rig().client("alice", 3);
  (void)ask(client, {{"SUBSCRIBE", "app:news"}});
  const std::string watched = client.call({"WATCH", "app:k"});
  (void)ask(client, {{"UNSUBSCRIBE"}});
  std::this_thread::sleep_for(20ms);
  at_redis({"SET", "app:k", "changed"});
  const auto got = ask(client, {{"MULTI"}, {"SET", "app:mine", "v"}, {"EXEC"}});
  EXPECT_TRUE(word(watched) == "-ERR" || got[2] == "_\r\n") << watched << got[2];
}

TEST_F(Sessions, OtherIdentityTakesOverBetweenPipelinedCommands) {
  RawClient client = rig().client("alice");
  const auto got = ask(client, {{"SET", "app:k", "v"},
                                {"AUTH", rig().token("oscar", "others")},
                                {"SET", "other:k", "w"},
                                {"GET", "app:k"},
                                {"AUTH", rig().token("alice")},
                                {"GET", "app:k"},
                                {"GET", "other:k"},
                                {"AUTH", rig().token("alice")},
                                {"GET", "app:k"},
                                {"AUTH", "nonsense"},
                                {"GET", "app:k"}});
  EXPECT_EQ(got[2], "+OK\r\n");
  EXPECT_EQ(word(got[3]), "-NOPERM");
  EXPECT_EQ(got[5], "$1\r\nv\r\n");
  EXPECT_EQ(word(got[6]), "-NOPERM");
  EXPECT_EQ(got[8], "$1\r\nv\r\n");
  EXPECT_EQ(word(got[9]), "-WRONGPASS");
  EXPECT_EQ(got[10], "$1\r\nv\r\n") << "a failed renewal takes nothing away";
  rig().expect_whole_trail();
  const auto records = rig().records("other:k\"", "ok");
  ASSERT_EQ(records.size(), 1U);
  EXPECT_NE(records[0].find("oscar"), std::string::npos);
}

TEST_F(Sessions, ResetForgetsEverything) {
  const std::vector<std::vector<Request>> states{
      {{"SET", "app:k", "v"}},
      {{"MULTI"}, {"SET", "app:multi", "v"}},
      {{"WATCH", "app:k"}},
      {{"WATCH", "app:k"}, {"MULTI"}},
      {{"SUBSCRIBE", "app:news"}},
      {{"SELECT", "1"}},
      {{"BLPOP", "app:none", "0.02"}},
      {{"PSUBSCRIBE", "app:n*"}, {"SUBSCRIBE", "app:a", "app:b"}}};
  for (const int protocol : {2, 3}) {
    for (const auto& state : states) {
      RawClient client = rig().client("alice", protocol);
      std::vector<Request> all = state;
      all.push_back({"RESET"});
      all.push_back({"GET", "app:k"});
      all.push_back({"AUTH", rig().token("alice")});
      all.push_back({"GET", "app:none"});
      ASSERT_TRUE(client.send(packet(all)));
      std::string one, seen;
      while ((one = client.read_reply(2000ms)) != "+RESET\r\n" && !one.empty()) seen += one;
      ASSERT_EQ(one, "+RESET\r\n") << state.back()[0] << ": " << seen;
      EXPECT_EQ(word(client.read_reply()), "-NOAUTH");
      EXPECT_EQ(client.read_reply(), "+OK\r\n");
      EXPECT_EQ(client.read_reply(), "$-1\r\n") << "RESP2 and database 0 again";
      EXPECT_EQ(at_redis({"PUBLISH", "app:news", "x"}), ":0\r\n");
    }
  }
}

TEST_F(Sessions, PolicyReloadTakesEffectBehindWhatIsUnderWay) {
  RawClient client = rig().client();
  RawClient in_multi = rig().client("bob");
  RawClient large = rig().client("carol");
  RawClient watching = rig().client("dora");
  ASSERT_EQ(client.call({"SET", "app:k", "v"}), "+OK\r\n");
  (void)ask(in_multi, {{"MULTI"}, {"SET", "app:multi", "v"}});
  (void)ask(watching, {{"WATCH", "app:k"}});
  rig().chaos().hold_replies(true);
  ASSERT_TRUE(client.send(packet({{"SET", "app:k", "w"}, {"GET", "app:k"}})));
  ASSERT_TRUE(
      eventually([&] { return rig().chaos().requests().find("$1\r\nw") != std::string::npos; }));
  rig().reload(kNarrow);
  ASSERT_TRUE(client.send(
      packet({{"SET", "app:k", "denied"}, {"SET", "app:narrow:k", "v"}, {"GET", "app:k"}})));
  rig().chaos().hold_replies(false);
  EXPECT_EQ(client.read_reply(), "+OK\r\n");
  EXPECT_EQ(client.read_reply(), "$1\r\nw\r\n");
  EXPECT_EQ(word(client.read_reply()), "-NOPERM");
  EXPECT_EQ(client.read_reply(), "+OK\r\n");
  EXPECT_EQ(client.read_reply(), "$1\r\nw\r\n");
  EXPECT_EQ(word(in_multi.call({"EXEC"})), "-EXECABORT");
  EXPECT_EQ(word(large.call({"SET", "app:large", std::string(600'000, 'x')})), "-NOPERM");
  EXPECT_EQ(word(large.call({"GET", "app:k"})), "$1");
  at_redis({"SET", "app:k", "changed"});
  EXPECT_EQ(ask(watching, {{"MULTI"}, {"SET", "app:narrow:w", "v"}, {"EXEC"}})[2], "*-1\r\n")
      << "still watched";
  EXPECT_EQ(at_redis({"EXISTS", "app:multi", "app:large"}), ":0\r\n");
}

TEST_F(Sessions, ReloadThatGrantsNothingEndsTheSession) {
  RawClient client = rig().client("oscar", 2, "others");
  ASSERT_EQ(client.call({"SET", "other:k", "v"}), "+OK\r\n");
  rig().reload(kNarrow);
  EXPECT_EQ(word(client.call({"GET", "other:k"})), "-NOPERM");
  (void)client.read_to_end(3000ms);
  EXPECT_TRUE(client.closed());
}

TEST_F(Sessions, CommandRateSlowsButAnswersEverythingInOrder) {
  RawClient client = rig().client("slow", 2, "slow");
  std::vector<Request> requests;
  for (int i = 0; i < 100; ++i) requests.push_back({"APPEND", "app:log", "x"});
  const auto start = std::chrono::steady_clock::now();
  const auto got = ask(client, requests);
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(got[static_cast<std::size_t>(i)], ":" + std::to_string(i + 1) + "\r\n");
  }
  EXPECT_GT(std::chrono::steady_clock::now() - start, 1s);
  EXPECT_LT(std::chrono::steady_clock::now() - start, 5s);
}

TEST_F(Sessions, CommandRateLosesNoLargeMemberOfATransaction) {
  RawClient client = rig().client("slow", 2, "slow");
  const std::string large(300'000, 'x');
  std::vector<Request> requests;
  for (int i = 0; i < 39; ++i) requests.push_back({"GET", "app:none"});
  requests.insert(requests.end(), {{"MULTI"},
                                   {"SET", "app:a", large},
                                   {"SET", "app:b", large},
                                   {"EXEC"},
                                   {"SET", "app:c", large}});
  const auto got = ask(client, requests);
  EXPECT_EQ(got[40], "+QUEUED\r\n");
  EXPECT_EQ(got[41], "+QUEUED\r\n");
  EXPECT_EQ(got[42], "*2\r\n+OK\r\n+OK\r\n");
  EXPECT_EQ(got[43], "+OK\r\n");
  EXPECT_EQ(at_redis({"STRLEN", "app:c"}), ":300000\r\n");
}

TEST_F(Sessions, GrantLimitsConnectionsAndValues) {
  RawClient first = rig().client("few", 2, "few");
  RawClient second = rig().client("few", 2, "few");
  RawClient third = rig().connect();
  EXPECT_EQ(word(third.call({"AUTH", rig().token("few", "few")})), "-ERR");
  EXPECT_EQ(word(third.call({"GET", "app:k"})), "-NOAUTH");
  second.close();
  EXPECT_TRUE(eventually([&] {
    return third.call({"AUTH", rig().token("few", "few")}) == "+OK\r\n";
  }));
  EXPECT_EQ(third.call({"SET", "app:k", std::string(1024 * 1024, 'x')}), "+OK\r\n");
  EXPECT_EQ(word(third.call({"SET", "app:k", std::string(1024 * 1024 + 1, 'x')})), "-NOPERM");
  EXPECT_EQ(third.call({"STRLEN", "app:k"}), ":1048576\r\n");
}

TEST_F(Sessions, ConnectionsBeyondTheLimitAreRefused) {
  start([](server::Config& config) { config.limits.connections = 3; });
  std::vector<RawClient> clients;
  for (int i = 0; i < 3; ++i) clients.push_back(rig().client());
  RawClient refused = rig().connect();
  (void)refused.read_to_end(3000ms);
  EXPECT_TRUE(refused.closed());
  EXPECT_EQ(clients[0].call({"SET", "app:k", "v"}), "+OK\r\n");
  clients.pop_back();
  EXPECT_TRUE(eventually([&] {
    RawClient client = rig().connect();
    return client.call({"AUTH", rig().token("alice")}) == "+OK\r\n";
  }));
}

TEST_F(Sessions, EndOfTheTokenEndsTheSession) {
  start([](server::Config& config) {
    config.limits.expiry_grace = 2s;
    config.limits.expiry_jitter = 0ms;
    config.issuers[0].exp_leeway = 0s;
  });
  RawClient asking = rig().connect(), idle = rig().connect(), subscriber = rig().connect(),
            renewing = rig().connect(), blocked = rig().connect();
  for (RawClient* client : {&asking, &idle, &subscriber, &renewing, &blocked}) {
    ASSERT_EQ(client->call({"AUTH", rig().token("alice", "workers", 2s)}), "+OK\r\n");
  }
  ASSERT_NE(subscriber.call({"SUBSCRIBE", "app:news"}), "");
  ASSERT_TRUE(blocked.send({"BLPOP", "app:l", "0"}));
  ASSERT_EQ(renewing.call({"AUTH", rig().token("alice", "workers", 60s)}), "+OK\r\n");
  std::this_thread::sleep_for(2050ms);
  EXPECT_EQ(word(asking.call({"GET", "app:k"})), "-NOAUTH");
  (void)asking.read_to_end(1000ms);
  EXPECT_TRUE(asking.closed());
  for (RawClient* client : {&idle, &subscriber}) {
    EXPECT_EQ(client->read_to_end(4000ms), "");
    EXPECT_TRUE(client->closed());
  }
  EXPECT_EQ(word(blocked.read_to_end(4000ms)), "-NOAUTH");
  EXPECT_TRUE(blocked.closed());
  EXPECT_EQ(renewing.call({"GET", "app:k"}), "$-1\r\n");
  EXPECT_EQ(at_redis({"RPUSH", "app:l", "v"}), ":1\r\n");
  EXPECT_EQ(at_redis({"LLEN", "app:l"}), ":1\r\n") << "nobody's BLPOP is left at Redis";
}

}  // namespace
}  // namespace keyward
