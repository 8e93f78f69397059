// Connections to Redis that die, lie or never come up: nobody takes silence for success, gets an
// answer meant for another, or stays hurt when Redis is well again.
#include "support/conversation.h"
#include "support/proxy_rig.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace keyward {
namespace {

using namespace std::chrono_literals;
using test::eventually;
using test::packet;
using test::ProxyRig;
using test::RawClient;
using test::Request;

class Upstream : public testing::Test {
 protected:
  // The leased Redis users that exist now.
  std::vector<std::string> users() {
    const auto reply = rig.redis().hiredis().call({"ACL", "USERS"});
    std::vector<std::string> names;
    for (std::size_t i = 0; i < reply->elements; ++i) {
      const std::string name = reply->element[i]->str;
      if (name.starts_with("kw_")) names.push_back(name);
    }
    return names;
  }
  std::string at_redis(std::initializer_list<std::string_view> args) {
    return rig.redis().raw().call(args);
  }
  // Keyward has noticed what happened to its links.
  static void settle() { std::this_thread::sleep_for(50ms); }
  // How often ACL LOG is read; 0 = never, so that the tests alone make drift records. For the same
  // reason Redis is not asked what others do to users.
  explicit Upstream(std::chrono::milliseconds acl_log_every = 0ms)
      : rig([=](server::Config& config) {
          config.lease.acl_log_every = acl_log_every;
          config.lease.look_every = 0ms;
        }) {}
  ProxyRig rig;
};

class Tripwire : public Upstream {
 protected:
  Tripwire() : Upstream(100ms) {}
};

TEST_F(Upstream, DeathInMidReplyClosesTheClientThatWaitedAndNoOther) {
  RawClient other = rig.client("bob");
  ASSERT_NE(other.call({"SUBSCRIBE", "app:news"}), "");
  at_redis({"SET", "app:k", "hello"});
  const std::string whole = "$5\r\nhello\r\n";
  RawClient first = rig.client();
  for (std::size_t cut = 1; cut < whole.size(); ++cut) {
    RawClient client = rig.client();
    ASSERT_EQ(client.call({"GET", "app:k"}), whole);
    rig.chaos().kill_after_reply_bytes(cut);
    ASSERT_TRUE(client.send(packet({{"GET", "app:k"}, {"GET", "app:none"}})));
    const std::string got = client.read_to_end();
    EXPECT_TRUE(client.closed()) << "cut after " << cut;
    EXPECT_TRUE(got.size() <= cut && whole.starts_with(got)) << got;
  }
  EXPECT_EQ(first.call({"GET", "app:k"}), whole) << "idle clients of the same identity go on";
  at_redis({"PUBLISH", "app:news", "still here"});
  EXPECT_NE(other.read_reply().find("still here"), std::string::npos);
}

TEST_F(Upstream, E803WriteWhoseAnswerIsLostIsRecordedAsUnknown) {
  for (std::size_t cut = 1; cut < 5; ++cut) {
    RawClient client = rig.client();
    ASSERT_EQ(client.call({"GET", "app:k"}).substr(0, 1), "$");
    rig.chaos().kill_after_reply_bytes(cut);
    ASSERT_TRUE(client.send({"SET", "app:cut", "v"}));
    EXPECT_EQ(client.read_to_end().find("OK\r\n"), std::string::npos);
    EXPECT_TRUE(client.closed());
  }
  RawClient client = rig.client();
  rig.chaos().kill_before_request("app:before");
  ASSERT_TRUE(client.send({"SET", "app:before", "v"}));
  EXPECT_EQ(client.read_to_end(), "");
  RawClient again = rig.client();
  rig.chaos().kill_instead_of_answer("app:after");
  ASSERT_TRUE(again.send({"SET", "app:after", "v"}));
  EXPECT_EQ(again.read_to_end(), "");
  EXPECT_EQ(at_redis({"EXISTS", "app:before"}), ":0\r\n");
  EXPECT_EQ(at_redis({"EXISTS", "app:after"}), ":1\r\n");
  rig.expect_whole_trail();
  EXPECT_EQ(rig.records("app:cut", "unknown").size(), 4U);
  EXPECT_EQ(rig.records("app:cut").size(), 4U);
  EXPECT_EQ(rig.records("app:before", "unknown").size(), 1U);
  EXPECT_EQ(rig.records("app:after", "unknown").size(), 1U);
}

TEST_F(Upstream, E803WriteThatNeverLeftIsRecordedAsNotExecuted) {
  // A new identity has no link yet: the login on it is answered late, or never.
  RawClient client = rig.client("carol");
  rig.chaos().hold_replies(true);
  ASSERT_TRUE(client.send(
      packet({{"SET", "app:early", "v"}, {"MULTI"}, {"SET", "app:early", "w"}, {"EXEC"}})));
  settle();
  rig.chaos().kill_links();
  (void)client.read_to_end();
  EXPECT_TRUE(client.closed());
  rig.chaos().hold_replies(false);
  EXPECT_EQ(at_redis({"EXISTS", "app:early"}), ":0\r\n");
  rig.expect_whole_trail();
  EXPECT_EQ(rig.records("app:early", "not_executed").size(), 2U);
  EXPECT_EQ(rig.records("app:early").size(), 2U);
}

// The first bytes of the answer told the outcome: one record, not a second one that doubts it.
TEST_F(Upstream, AnswerThatBreaksOffIsRecordedOnce) {
  at_redis({"SET", "app:big", std::string(300'000, 'x')});
  RawClient client = rig.client();
  ASSERT_EQ(client.call({"GET", "app:none"}), "$-1\r\n");
  rig.chaos().kill_after_reply_bytes(200'000);
  ASSERT_TRUE(client.send({"GETDEL", "app:big"}));
  EXPECT_LT(client.read_to_end().size(), 300'000U);
  EXPECT_TRUE(client.closed());
  rig.expect_whole_trail();
  EXPECT_EQ(rig.records("app:big").size(), 1U);
}

TEST_F(Upstream, E803TransactionWhoseAnswerBreaksOffIsUnknown) {
  at_redis({"SET", "app:big", std::string(300'000, 'x')});
  RawClient client = rig.client();
  ASSERT_EQ(client.call({"GET", "app:none"}), "$-1\r\n");
  rig.chaos().kill_after_reply_bytes(200'000);
  ASSERT_TRUE(client.send(packet(
      {{"MULTI"}, {"SET", "app:t", "v"}, {"GET", "app:big"}, {"SET", "app:t", "w"}, {"EXEC"}})));
  EXPECT_EQ(client.read_to_end(), "+OK\r\n+QUEUED\r\n+QUEUED\r\n+QUEUED\r\n");
  EXPECT_TRUE(client.closed());
  rig.expect_whole_trail();
  EXPECT_EQ(rig.records("app:t", "unknown").size(), 2U);
}

TEST_F(Upstream, DeathWhileIdleIsNotNoticed) {
  RawClient client = rig.client();
  for (int round = 0; round < 10; ++round) {
    ASSERT_EQ(client.call({"SET", "app:k", "v"}), "+OK\r\n") << round;
    rig.chaos().kill_links();
    settle();
  }
}

TEST_F(Upstream, DeathUnderAWatchClosesItsClient) {
  RawClient client = rig.client();
  ASSERT_EQ(client.call({"WATCH", "app:k"}), "+OK\r\n");
  rig.chaos().kill_links();
  EXPECT_EQ(client.read_to_end(3000ms), "") << "the watch is lost: EXEC must not pretend otherwise";
  EXPECT_TRUE(client.closed());
  RawClient again = rig.client();
  EXPECT_EQ(again.call({"SET", "app:k", "v"}), "+OK\r\n");
}

TEST_F(Upstream, DeathUnderASubscriptionClosesItsClient) {
  for (const int protocol : {2, 3}) {
    RawClient client = rig.client("alice", protocol);
    ASSERT_NE(client.call({"SUBSCRIBE", "app:news"}), "");
    rig.chaos().kill_links();
    EXPECT_EQ(client.read_to_end(3000ms), "");
    EXPECT_TRUE(client.closed());
  }
}

TEST_F(Upstream, E803DeathUnderABlockingCommandClosesItsClientAndIsUnknown) {
  RawClient client = rig.client();
  ASSERT_TRUE(client.send({"BLPOP", "app:l", "0"}));
  ASSERT_TRUE(
      eventually([&] { return rig.chaos().requests().find("BLPOP") != std::string::npos; }));
  rig.chaos().kill_links();
  EXPECT_EQ(client.read_to_end(3000ms), "");
  EXPECT_TRUE(client.closed());
  EXPECT_TRUE(rig.becomes("keyward_connections", 0));
  EXPECT_TRUE(rig.becomes("keyward_upstream_lent", 0));
  rig.expect_whole_trail();
  EXPECT_EQ(rig.records("app:l", "unknown").size(), 1U);
}

// Executed, answered to nobody: what the record may not say is `ok`.
TEST_F(Upstream, E803ScriptWhoseAnswerIsLostIsUnknown) {
  RawClient client = rig.client("sara", 2, "scripts");
  ASSERT_EQ(client.call({"SET", "app:s", "0"}), "+OK\r\n");
  rig.chaos().kill_instead_of_answer("app:lua");
  ASSERT_TRUE(client.send({"EVAL", "return redis.call('set', KEYS[1], 'x')", "1", "app:lua"}));
  EXPECT_EQ(client.read_to_end(), "");
  EXPECT_EQ(at_redis({"EXISTS", "app:lua"}), ":1\r\n");
  rig.expect_whole_trail();
  EXPECT_EQ(rig.records("app:lua", "unknown").size(), 1U);
  EXPECT_EQ(rig.records("app:lua").size(), 1U);
}

TEST_F(Upstream, DeathUnderALargeRequestClosesItsClient) {
  for (const bool watching : {false, true}) {
    RawClient client = rig.client();
    if (watching) {
      ASSERT_EQ(client.call({"WATCH", "app:k"}), "+OK\r\n");
    }
    const std::string request = packet({{"SET", "app:big", std::string(2'000'000, 'x')}});
    ASSERT_TRUE(client.send(std::string_view(request).substr(0, 1'000'000)));
    ASSERT_TRUE(
        eventually([&] { return rig.chaos().requests().find("app:big") != std::string::npos; }));
    rig.chaos().kill_links();
    settle();
    (void)client.send(std::string_view(request).substr(1'000'000));
    EXPECT_EQ(client.read_to_end(3000ms), "");
    EXPECT_TRUE(client.closed());
    EXPECT_EQ(at_redis({"EXISTS", "app:big"}), ":0\r\n");
    rig.chaos().forget_requests();
  }
  EXPECT_TRUE(rig.becomes("keyward_connections", 0));
}

TEST_F(Upstream, UnsolicitedReplyEndsTheLinkAndIsGivenToNobody) {
  at_redis({"SET", "app:k", "right"});
  RawClient client = rig.client();
  for (int round = 0; round < 5; ++round) {
    ASSERT_EQ(client.call({"GET", "app:k"}), "$5\r\nright\r\n");
    rig.chaos().inject("$5\r\nwrong\r\n");
    settle();
    EXPECT_EQ(rig.chaos().links(), 0U);
  }
  for (int round = 0; round < 5; ++round) {
    ASSERT_EQ(client.call({"GET", "app:k"}), "$5\r\nright\r\n") << "its link is up";
    rig.chaos().inject_behind_reply("$5\r\nwrong\r\n");
    ASSERT_EQ(client.call({"GET", "app:k"}), "$5\r\nright\r\n");
    settle();
    EXPECT_EQ(rig.chaos().links(), 0U);
  }
  ASSERT_EQ(client.call({"GET", "app:k"}), "$5\r\nright\r\n");
}

TEST_F(Upstream, GarbageClosesWhoeverWaitsOnThatLink) {
  RawClient waiting = rig.client();
  ASSERT_TRUE(waiting.send({"BLPOP", "app:l", "0"}));
  RawClient bystander = rig.client("bob");
  ASSERT_EQ(bystander.call({"SET", "app:k", "v"}), "+OK\r\n");
  ASSERT_TRUE(eventually([&] { return rig.chaos().links() == 2; }));
  rig.chaos().inject("\x01 this is no reply\r\n");
  EXPECT_EQ(waiting.read_to_end(3000ms), "");
  EXPECT_TRUE(waiting.closed());
  settle();
  EXPECT_EQ(bystander.call({"GET", "app:k"}), "$1\r\nv\r\n");
}

TEST_F(Upstream, RefusedConnectionsEndCommandsSoonAndServiceComesBackByItself) {
  RawClient waiting = rig.client();
  ASSERT_EQ(waiting.call({"SET", "app:k", "v"}), "+OK\r\n");
  rig.chaos().refuse(true);
  rig.chaos().kill_all();
  settle();
  const auto start = std::chrono::steady_clock::now();
  ASSERT_TRUE(waiting.send({"SET", "app:refused", "w"}));
  EXPECT_EQ(waiting.read_to_end(), "");
  EXPECT_TRUE(waiting.closed());
  EXPECT_LT(std::chrono::steady_clock::now() - start, 2s);
  RawClient fresh = rig.connect();
  const std::string answer = fresh.call({"AUTH", rig.token("dora")}, 8000ms);
  EXPECT_TRUE(answer.starts_with("-LOADING")) << answer;
  rig.chaos().refuse(false);
  EXPECT_TRUE(eventually([&] {
    RawClient client = rig.connect();
    return client.call({"AUTH", rig.token("dora")}) == "+OK\r\n" &&
           client.call({"SET", "app:k", "w"}) == "+OK\r\n";
  }));
  rig.expect_whole_trail();
  EXPECT_EQ(rig.records("app:refused", "not_executed").size(), 1U);
}

TEST_F(Upstream, UserDeletedBehindOurBackIsMadeAgain) {
  RawClient idle = rig.client();
  ASSERT_EQ(idle.call({"SET", "app:k", "v"}), "+OK\r\n");
  RawClient blocked = rig.client();
  ASSERT_TRUE(blocked.send({"BLPOP", "app:l", "0"}));
  ASSERT_TRUE(eventually([&] { return rig.chaos().links() == 2; }));
  ASSERT_EQ(users().size(), 1U);
  at_redis({"ACL", "DELUSER", users()[0]});
  EXPECT_EQ(blocked.read_to_end(3000ms), "");
  EXPECT_TRUE(blocked.closed());
  settle();
  EXPECT_EQ(idle.call({"GET", "app:k"}), "$1\r\nv\r\n");
  RawClient again = rig.client();
  EXPECT_EQ(again.call({"GET", "app:k"}), "$1\r\nv\r\n");
  EXPECT_EQ(users().size(), 1U);
  EXPECT_GE(rig.metric("keyward_leases_repaired_total"), 1);
  rig.expect_whole_trail();
  EXPECT_EQ(users().size(), 0U);
}

TEST_F(Upstream, RightsChangedBehindOurBackAreDrift) {
  RawClient client = rig.client();
  ASSERT_EQ(client.call({"SET", "app:k", "v"}), "+OK\r\n");
  at_redis({"ACL", "SETUSER", users().at(0), "clearselectors", "-@all", "-set"});
  EXPECT_EQ(client.call({"SET", "app:k", "w"}), "+OK\r\n") << "mended, and sent once more";
  EXPECT_EQ(rig.metric("keyward_drift_total"), 1);
  // Again within a second: it is not for the mending, and its client is told.
  at_redis({"ACL", "SETUSER", users().at(0), "clearselectors", "-@all", "-set"});
  EXPECT_TRUE(client.call({"SET", "app:k", "x"}).starts_with("-NOPERM"));
  EXPECT_EQ(rig.metric("keyward_drift_total"), 3);
  std::this_thread::sleep_for(1100ms);
  // In a pipeline order comes first: every answer is Redis's own, and the user is mended behind it.
  ASSERT_TRUE(client.send(packet({{"SET", "app:k", "y"}, {"SET", "app:k", "z"}})));
  const std::string first = client.read_line(), second = client.read_line();
  EXPECT_TRUE(first.starts_with("-NOPERM")) << first;
  EXPECT_TRUE(second.starts_with("-NOPERM") || second.starts_with("+OK")) << second;
  EXPECT_TRUE(eventually([&] { return rig.metric("keyward_leases_repaired_total") == 2; }));
  EXPECT_EQ(client.call({"SET", "app:k", "v"}), "+OK\r\n");
  EXPECT_EQ(rig.metric("keyward_lease_drift_repeats_total"), 1);
  rig.expect_whole_trail();
}

TEST_F(Upstream, ALoginThatRedisDoesNotAnswerHasADeadline) {
  RawClient client = rig.client();
  rig.chaos().hold_replies(true);
  const auto begun = std::chrono::steady_clock::now();
  ASSERT_TRUE(client.send({"SET", "app:k", "v"}));
  EXPECT_EQ(client.read_to_end(9000ms), "");
  EXPECT_TRUE(client.closed());
  EXPECT_GE(std::chrono::steady_clock::now() - begun, 4s);
  EXPECT_LE(std::chrono::steady_clock::now() - begun, 8s);
  rig.chaos().hold_replies(false);
  RawClient again = rig.client();
  EXPECT_EQ(again.call({"SET", "app:k", "v"}), "+OK\r\n");
  rig.expect_whole_trail();
  EXPECT_EQ(rig.records("app:k", "not_executed").size(), 1U);
}

// A command that Redis took and never answers is not waited for beyond the deadline of the drain.
TEST_F(Upstream, SilentRedisDoesNotHoldUpTheEnd) {
  RawClient client = rig.client();
  ASSERT_EQ(client.call({"SET", "app:k", "v"}), "+OK\r\n");
  rig.chaos().hold_replies(true);
  ASSERT_TRUE(client.send({"SET", "app:k", "w"}));
  std::this_thread::sleep_for(200ms);
  const auto begun = std::chrono::steady_clock::now();
  rig.stop();
  EXPECT_LE(std::chrono::steady_clock::now() - begun, 20s);
  EXPECT_EQ(client.read_to_end(), "");
  EXPECT_EQ(rig.records("app:k", "unknown").size(), 1U);
  rig.expect_whole_trail();
}

// What is not recorded by itself, and what Redis logs of it.
TEST_F(Tripwire, RefusedReadsAreDriftAndSoIsWhatAclLogSays) {
  RawClient client = rig.client();
  ASSERT_EQ(client.call({"SET", "app:k", "v"}), "+OK\r\n");
  ASSERT_EQ(client.call({"GET", "app:k"}), "$1\r\nv\r\n");
  at_redis({"ACL", "SETUSER", users().at(0), "clearselectors", "-@all"});
  EXPECT_EQ(client.call({"GET", "app:k"}), "$1\r\nv\r\n") << "mended, and sent once more";
  EXPECT_EQ(rig.metric("keyward_drift_total"), 1);
  EXPECT_EQ(client.call({"GET", "other:k"}).substr(0, 7), "-NOPERM") << "the proxy's own";
  EXPECT_EQ(rig.metric("keyward_drift_total"), 1);
  EXPECT_TRUE(eventually([&] { return rig.metric("keyward_acl_drift_total") == 1; }));
  rig.expect_whole_trail();
  // The command's, the mended user's, and what ACL LOG said.
  EXPECT_EQ(rig.records("\"kind\":\"drift\"").size(), 3U);
  EXPECT_EQ(rig.records("ACL LOG has an entry").size(), 1U);
}

// A script that reaches outside is Redis's to refuse; nobody is woken up for it.
TEST_F(Tripwire, ScriptsThatReachOutsideAreNoDrift) {
  RawClient client = rig.client("carl", 2, "scripts");
  const std::string answer = client.call({"EVAL", "return redis.call('GET', 'other:k')", "0"});
  EXPECT_TRUE(answer.starts_with("-")) << answer;
  ASSERT_EQ(client.call({"EVAL", "return redis.call('GET', KEYS[1])", "1", "app:k"}), "$-1\r\n");
  std::this_thread::sleep_for(300ms);
  EXPECT_EQ(rig.metric("keyward_drift_total"), 0);
  EXPECT_EQ(rig.metric("keyward_acl_drift_total"), 0);
}

TEST_F(Upstream, RedisRestartIsSurvived) {
  RawClient idle = rig.client();
  ASSERT_EQ(idle.call({"SET", "app:k", "v"}), "+OK\r\n");
  RawClient subscriber = rig.client("bob");
  ASSERT_NE(subscriber.call({"SUBSCRIBE", "app:news"}), "");
  rig.redis().restart();
  EXPECT_EQ(subscriber.read_to_end(3000ms), "");
  EXPECT_TRUE(subscriber.closed());
  EXPECT_TRUE(eventually([&] {
    if (idle.closed()) idle = rig.client();
    const std::string answer = idle.call({"SET", "app:k", "w"});
    return answer == "+OK\r\n";
  }));
}

// Many clients on one link that dies again and again: an answer is right or does not come.
TEST_F(Upstream, NoAnswerIsEverSomebodyElses) {
  RawClient direct = rig.redis().raw();
  for (int who = 0; who < 6; ++who) {
    ASSERT_EQ(direct.call({"SET", "app:" + std::to_string(who),
                           std::string(40, static_cast<char>('a' + who))}),
              "+OK\r\n");
  }
  std::vector<RawClient> clients(6);
  std::size_t right = 0, ended = 0;
  for (int round = 0; round < 60; ++round) {
    rig.chaos().kill_after_reply_bytes(static_cast<std::size_t>(37 * round + 11));
    for (int who = 0; who < 6; ++who) {
      RawClient& client = clients[static_cast<std::size_t>(who)];
      if (client.closed()) client = rig.client();
      (void)client.send(packet(std::vector<Request>(10, {"GET", "app:" + std::to_string(who)})));
    }
    for (int who = 0; who < 6; ++who) {
      RawClient& client = clients[static_cast<std::size_t>(who)];
      for (int i = 0; i < 10; ++i) {
        const std::string one = client.read_reply();
        if (one.empty()) {
          (void)client.read_to_end();
          ASSERT_TRUE(client.closed());
          ++ended;
          break;
        }
        ASSERT_EQ(one, "$40\r\n" + std::string(40, static_cast<char>('a' + who)) + "\r\n");
        ++right;
      }
    }
  }
  EXPECT_GT(right, 600U);
  EXPECT_GT(ended, 20U);
}

}  // namespace
}  // namespace keyward
