// Cases 69 to 71, 74 and 75: identities that change on a connection, and the end of a session in
// every state a connection can be in, by its token and by revocation.
#include "support/conversation.h"
#include "support/moved_clock.h"
#include "support/proxy_rig.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <vector>

namespace keyward {
namespace {

using namespace std::chrono_literals;
using test::eventually;
using test::MovedClock;
using test::packet;
using test::ProxyRig;
using test::RawClient;
using test::Request;
using ::testing::EndsWith;
using ::testing::StartsWith;

constexpr auto kGrace = 4s;
constexpr auto kLife = 60s;

class SessionEnd : public testing::Test {
 protected:
  ProxyRig& rig(const ProxyRig::Change& change = {}) {
    if (!rig_) {
      rig_ = std::make_unique<ProxyRig>(
          [&](server::Config& config) {
            config.limits.expiry_grace = kGrace;
            config.limits.expiry_jitter = 0ms;
            if (change) change(config);
          },
          test::kRigPolicy, &clock_);
    }
    return *rig_;
  }

  // A token that is good for so long by the moved clock, to the second.
  std::string token(std::chrono::seconds life = kLife, const std::string& group = "workers",
                    const std::string& subject = "alice") {
    const auto passed = std::chrono::floor<std::chrono::seconds>(clock_.wall()) -
                        std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
    return rig().token(subject, group, life + passed);
  }
  RawClient client(int protocol = 2, const std::string& group = "workers") {
    RawClient made = rig().connect();
    ends_ = std::chrono::floor<std::chrono::seconds>(clock_.wall()) + kLife;
    const std::string secret = token(kLife, group);
    const std::string answer = protocol == 3 ? made.call({"HELLO", "3", "AUTH", "default", secret})
                                             : made.call({"AUTH", secret});
    EXPECT_TRUE(answer.starts_with(protocol == 3 ? "%7" : "+OK")) << answer;
    return made;
  }
  // To so long after the end of the last client() session.
  void go_to(std::chrono::milliseconds after_the_end) {
    clock_.skip(std::chrono::duration_cast<std::chrono::microseconds>(ends_ + after_the_end -
                                                                      clock_.wall()));
  }
  void start_anew() { rig_.reset(); }
  std::string at_redis(std::initializer_list<std::string_view> args) {
    return rig().redis().raw().call(args);
  }
  // All that comes until the connection ends, which it does soon.
  static std::string last_words(RawClient& client, std::chrono::milliseconds wait = 3000ms) {
    std::string all = client.read_to_end(wait);
    EXPECT_TRUE(client.closed()) << "still open after: " << all;
    return all;
  }
  // Redis does not answer any more. The client's link is there already.
  void hold(RawClient& client) {
    EXPECT_EQ(client.call({"EXISTS", "app:n"}), ":0\r\n");
    rig().chaos().hold_replies(true);
    rig().chaos().forget_requests();
  }
  void TearDown() override {
    if (rig_) rig_->chaos().hold_replies(false);
  }
  static std::size_t count(const std::string& text, const std::string& part) {
    std::size_t found = 0;
    for (std::size_t at = text.find(part); at != text.npos; at = text.find(part, at + 1)) ++found;
    return found;
  }
  void expect_ended_by(const std::string& reason) {
    EXPECT_TRUE(eventually([&] {
      return !rig().records("\"kind\":\"session_end\"").empty() &&
             rig().records("\"kind\":\"session_end\"").back().find('"' + reason + '"') !=
                 std::string::npos;
    })) << reason;
  }

  MovedClock clock_;
  WallTime ends_{};
  std::unique_ptr<ProxyRig> rig_;
};

// --- case 74, by the end of the token

TEST_F(SessionEnd, Case74IdleIsToldOnceAndClosed) {
  RawClient idle = client();
  go_to(1100ms);
  ASSERT_TRUE(idle.send({"SET", "app:k", "v"}));
  const std::string told = last_words(idle);
  EXPECT_THAT(told, StartsWith("-NOAUTH "));
  EXPECT_EQ(count(told, "\r\n"), 1U);
  EXPECT_EQ(at_redis({"EXISTS", "app:k"}), ":0\r\n");
  expect_ended_by("expired");
}

TEST_F(SessionEnd, Case74IdleIsClosedAfterTheGrace) {
  RawClient idle = client();
  go_to(1100ms);
  EXPECT_EQ(idle.read_some(1200ms), "");
  EXPECT_FALSE(idle.closed()) << "the grace is " << kGrace.count() << " s";
  go_to(kGrace + 1100ms);
  EXPECT_EQ(last_words(idle), "");
}

TEST_F(SessionEnd, Case74AnswersToWhatWasForwardedAreDelivered) {
  RawClient busy = client();
  hold(busy);
  ASSERT_TRUE(busy.send(packet({{"INCR", "app:n"}, {"INCR", "app:n"}, {"INCR", "app:n"}})));
  ASSERT_TRUE(eventually([&] { return count(rig().chaos().requests(), "INCR") == 3; }));
  go_to(1100ms);
  ASSERT_TRUE(busy.send(packet({{"INCR", "app:n"}, {"INCR", "app:n"}})));
  EXPECT_EQ(busy.read_some(300ms), "");
  rig().chaos().hold_replies(false);
  const std::string all = last_words(busy);
  EXPECT_THAT(all, StartsWith(":1\r\n:2\r\n:3\r\n-NOAUTH "));
  EXPECT_EQ(count(all, "-NOAUTH "), 2U) << "the rest, each";
  EXPECT_EQ(at_redis({"GET", "app:n"}), "$1\r\n3\r\n");
}

TEST_F(SessionEnd, Case74WhatRunsInRedisIsLetFinish) {
  RawClient slow = client();
  hold(slow);
  ASSERT_TRUE(slow.send({"INCR", "app:n"}));
  ASSERT_TRUE(
      eventually([&] { return rig().chaos().requests().find("INCR") != std::string::npos; }));
  go_to(kGrace + 1100ms);
  EXPECT_EQ(slow.read_some(1200ms), "") << "longer than the grace";
  EXPECT_FALSE(slow.closed());
  rig().chaos().hold_replies(false);
  EXPECT_EQ(last_words(slow), ":1\r\n");
}

TEST_F(SessionEnd, Case74WhatNeverEndsIsCutAtTheHardLimit) {
  RawClient slow = client();
  hold(slow);
  ASSERT_TRUE(slow.send({"INCR", "app:n"}));
  ASSERT_TRUE(
      eventually([&] { return rig().chaos().requests().find("INCR") != std::string::npos; }));
  go_to(kGrace + 11s);
  EXPECT_EQ(last_words(slow), "");
  rig().chaos().hold_replies(false);
}

TEST_F(SessionEnd, Case74InsideMultiExecAnswersExecabort) {
  for (const bool watching : {false, true}) {
    for (const bool queues : {false, true}) {
      RawClient inside = client();
      if (watching) {
        ASSERT_EQ(inside.call({"WATCH", "app:k"}), "+OK\r\n");
      }
      ASSERT_EQ(inside.call({"MULTI"}), "+OK\r\n");
      ASSERT_EQ(inside.call({"SET", "app:k", "v"}), "+QUEUED\r\n");
      go_to(1100ms);
      if (queues) {
        EXPECT_THAT(inside.call({"SET", "app:j", "v"}), StartsWith("-NOAUTH "));
      }
      ASSERT_TRUE(inside.send({"EXEC"}));
      const std::string told = last_words(inside);
      EXPECT_THAT(told, StartsWith("-EXECABORT "));
      EXPECT_NE(told.find("NOAUTH"), std::string::npos);
      EXPECT_EQ(at_redis({"EXISTS", "app:k", "app:j"}), ":0\r\n");
    }
  }
}

TEST_F(SessionEnd, Case74InsideMultiWithoutAnotherCommandIsClosedAfterTheGrace) {
  RawClient inside = client();
  ASSERT_EQ(inside.call({"MULTI"}), "+OK\r\n");
  ASSERT_EQ(inside.call({"SET", "app:k", "v"}), "+QUEUED\r\n");
  go_to(kGrace + 1100ms);
  EXPECT_EQ(last_words(inside), "");
  EXPECT_EQ(at_redis({"EXISTS", "app:k"}), ":0\r\n");
}

const std::vector<Request> kBlocking{{"BLPOP", "app:l", "0"},
                                     {"BLMOVE", "app:l", "app:m", "LEFT", "LEFT", "0"},
                                     {"BRPOP", "app:l", "300"}};

TEST_F(SessionEnd, Case74AWaitGoesOnWithinTheGrace) {
  for (const Request& wait : kBlocking) {
    RawClient blocked = client();
    ASSERT_TRUE(blocked.send(packet({wait, {"GET", "app:k"}})));
    ASSERT_TRUE(eventually([&] {
      return at_redis({"INFO", "clients"}).find("blocked_clients:1") != std::string::npos;
    }));
    go_to(1100ms);
    EXPECT_EQ(blocked.read_some(1200ms), "");
    ASSERT_EQ(at_redis({"RPUSH", "app:l", "v"}), ":1\r\n");
    const std::string all = last_words(blocked);
    EXPECT_NE(all.find("$1\r\nv\r\n"), std::string::npos) << all;
    EXPECT_EQ(count(all, "-NOAUTH "), 1U) << all;
    (void)at_redis({"DEL", "app:m"});
  }
}

TEST_F(SessionEnd, Case74AWaitIsEndedAfterTheGraceAndNoElementIsLost) {
  for (const Request& wait : kBlocking) {
    RawClient blocked = client();
    ASSERT_TRUE(blocked.send(packet({wait})));
    ASSERT_TRUE(eventually([&] {
      return at_redis({"INFO", "clients"}).find("blocked_clients:1") != std::string::npos;
    }));
    go_to(kGrace + 1100ms);
    EXPECT_THAT(last_words(blocked), StartsWith("-NOAUTH "));
    ASSERT_EQ(at_redis({"RPUSH", "app:l", "v"}), ":1\r\n");
    EXPECT_EQ(at_redis({"LLEN", "app:l"}), ":1\r\n") << "nobody waits there any more";
    (void)at_redis({"DEL", "app:l"});
  }
}

TEST_F(SessionEnd, Case74ASubscriberIsClosed) {
  for (const int protocol : {2, 3}) {
    RawClient subscriber = client(protocol);
    ASSERT_NE(subscriber.call({"SUBSCRIBE", "app:news"}), "");
    (void)at_redis({"PUBLISH", "app:news", "before"});
    EXPECT_THAT(subscriber.read_reply(), EndsWith("before\r\n"));
    go_to(1100ms);
    EXPECT_EQ(last_words(subscriber), "");
    EXPECT_TRUE(eventually([&] { return at_redis({"PUBLISH", "app:news", "x"}) == ":0\r\n"; }));
  }
}

TEST_F(SessionEnd, Case74ALargeValueOnItsWayIsRefused) {
  RawClient sending = client();
  const std::string value(1024 * 1024, 'x');
  ASSERT_TRUE(sending.send("*3\r\n$3\r\nSET\r\n$5\r\napp:k\r\n$1048576\r\n"));
  ASSERT_TRUE(sending.send(value.substr(0, 600'000)));
  EXPECT_EQ(sending.read_some(200ms), "");
  go_to(1100ms);
  ASSERT_TRUE(sending.send(value.substr(600'000) + "\r\n"));
  EXPECT_THAT(last_words(sending), StartsWith("-NOAUTH "));
  EXPECT_EQ(at_redis({"EXISTS", "app:k"}), ":0\r\n");
}

TEST_F(SessionEnd, Case74ANewLargeValueIsRefused) {
  RawClient sending = client();
  go_to(1100ms);
  ASSERT_TRUE(sending.send({"SET", "app:k", std::string(1024 * 1024, 'x')}));
  EXPECT_THAT(last_words(sending), StartsWith("-NOAUTH "));
  EXPECT_EQ(at_redis({"EXISTS", "app:k"}), ":0\r\n");
}

// --- the same by revocation, with E = now: gone within a second, whatever it is doing

class Revocation : public SessionEnd {
 protected:
  void revoke() {
    revoked_ = std::chrono::steady_clock::now();
    const std::string answer =
        rig().post("/v1/revocations", R"({"principal": "dev:alice", "reason": "test"})");
    ASSERT_THAT(answer, StartsWith("HTTP/1.1 201 ")) << answer;
  }
  std::string gone(RawClient& client) {
    std::string all = client.read_to_end(3000ms);
    EXPECT_TRUE(client.closed()) << all;
    EXPECT_LT(std::chrono::steady_clock::now() - revoked_, 1s);
    return all;
  }
  std::chrono::steady_clock::time_point revoked_;
};

TEST_F(Revocation, Case74IdleIsClosed) {
  RawClient idle = client();
  revoke();
  EXPECT_EQ(gone(idle), "");
  expect_ended_by("revoked");
}

TEST_F(Revocation, Case74IdleIsToldAndNoAuthBringsItBack) {
  RawClient idle = client();
  revoke();
  ASSERT_TRUE(idle.send(packet({{"AUTH", token()}, {"SET", "app:k", "v"}})));
  const std::string all = gone(idle);
  EXPECT_EQ(count(all, "+OK"), 0U) << all;
  EXPECT_EQ(at_redis({"EXISTS", "app:k"}), ":0\r\n");
}

TEST_F(Revocation, Case74AnswersToWhatWasForwardedAreDelivered) {
  RawClient busy = client();
  hold(busy);
  ASSERT_TRUE(busy.send(packet({{"INCR", "app:n"}, {"INCR", "app:n"}})));
  ASSERT_TRUE(eventually([&] { return count(rig().chaos().requests(), "INCR") == 2; }));
  std::thread revoking([this] { revoke(); });
  std::this_thread::sleep_for(100ms);
  rig().chaos().hold_replies(false);
  revoking.join();
  ASSERT_TRUE(busy.send({"INCR", "app:n"}));
  EXPECT_THAT(gone(busy), StartsWith(":1\r\n:2\r\n"));
  EXPECT_EQ(at_redis({"GET", "app:n"}), "$1\r\n2\r\n");
}

TEST_F(Revocation, Case74InsideMulti) {
  RawClient inside = client(), silent = client();
  for (RawClient* one : {&inside, &silent}) {
    ASSERT_EQ(one->call({"WATCH", "app:k"}), "+OK\r\n");
    ASSERT_EQ(one->call({"MULTI"}), "+OK\r\n");
    ASSERT_EQ(one->call({"SET", "app:k", "v"}), "+QUEUED\r\n");
  }
  revoke();
  ASSERT_TRUE(inside.send({"EXEC"}));
  const std::string told = gone(inside);
  EXPECT_TRUE(told.empty() || told.starts_with("-EXECABORT ")) << told;
  EXPECT_EQ(gone(silent), "");
  EXPECT_EQ(at_redis({"EXISTS", "app:k"}), ":0\r\n");
}

TEST_F(Revocation, Case74AWaitIsEndedAndNoElementIsLost) {
  for (const Request& wait : kBlocking) {
    start_anew();
    RawClient blocked = client();
    ASSERT_TRUE(blocked.send(packet({wait})));
    ASSERT_TRUE(eventually([&] {
      return at_redis({"INFO", "clients"}).find("blocked_clients:1") != std::string::npos;
    }));
    revoke();
    EXPECT_THAT(gone(blocked), StartsWith("-NOAUTH "));
    ASSERT_EQ(at_redis({"RPUSH", "app:l", "v"}), ":1\r\n");
    EXPECT_EQ(at_redis({"LLEN", "app:l"}), ":1\r\n");
    (void)at_redis({"DEL", "app:l"});
  }
}

TEST_F(Revocation, Case74ASubscriberIsClosed) {
  for (const int protocol : {2, 3}) {
    start_anew();
    RawClient subscriber = client(protocol);
    ASSERT_NE(subscriber.call({"SUBSCRIBE", "app:news"}), "");
    revoke();
    EXPECT_EQ(gone(subscriber), "");
    EXPECT_EQ(at_redis({"PUBLISH", "app:news", "x"}), ":0\r\n");
  }
}

TEST_F(Revocation, Case74ALargeValueOnItsWayIsRefused) {
  RawClient sending = client();
  const std::string value(1024 * 1024, 'x');
  ASSERT_TRUE(sending.send("*3\r\n$3\r\nSET\r\n$5\r\napp:k\r\n$1048576\r\n"));
  ASSERT_TRUE(sending.send(value.substr(0, 600'000)));
  EXPECT_EQ(sending.read_some(200ms), "");
  revoke();
  (void)sending.send(value.substr(600'000) + "\r\n");
  const std::string told = gone(sending);
  EXPECT_TRUE(told.empty() || told.starts_with("-NOAUTH ")) << told;
  EXPECT_EQ(at_redis({"EXISTS", "app:k"}), ":0\r\n");
}

// --- case 74, renewals just before and just after the end

TEST_F(SessionEnd, Case74RenewedInTimeTheSessionGoesOn) {
  for (const auto at : {-400ms, 400ms}) {
    for (const int protocol : {2, 3}) {
      RawClient renewing = client(protocol);
      go_to(at);
      const std::string fresh = token();
      EXPECT_EQ(renewing.call({"AUTH", fresh}), "+OK\r\n") << at.count();
      go_to(kGrace + 1100ms);
      EXPECT_EQ(renewing.read_some(1200ms), "");
      EXPECT_EQ(renewing.call({"SET", "app:k", "v"}), "+OK\r\n") << at.count();
    }
  }
  EXPECT_GE(rig().metric("keyward_sessions_renewed_total"), 4);
}

TEST_F(SessionEnd, Case74HelloRenewsOnlyWithACredential) {
  RawClient asking = client(), renewing = client();
  go_to(1100ms);
  EXPECT_THAT(asking.call({"HELLO", "3"}), StartsWith("-NOAUTH "));
  EXPECT_THAT(renewing.call({"HELLO", "3", "AUTH", "default", token()}), StartsWith("%7"));
  EXPECT_EQ(renewing.call({"SET", "app:k", "v"}), "+OK\r\n");
}

TEST_F(SessionEnd, Case74ABadRenewalChangesNothing) {
  RawClient renewing = client();
  go_to(-5s);
  EXPECT_THAT(renewing.call({"AUTH", "rubbish"}), StartsWith("-WRONGPASS "));
  EXPECT_EQ(renewing.call({"SET", "app:k", "v"}), "+OK\r\n");
  go_to(1100ms);
  EXPECT_THAT(renewing.call({"AUTH", "rubbish"}), StartsWith("-WRONGPASS "));
  EXPECT_THAT(renewing.call({"SET", "app:k", "v"}), StartsWith("-NOAUTH "));
}

TEST_F(SessionEnd, Case74ASubscriberRenewsInResp3) {
  RawClient subscriber = client(3);
  ASSERT_NE(subscriber.call({"SUBSCRIBE", "app:news"}), "");
  go_to(-5s);
  EXPECT_EQ(subscriber.call({"AUTH", token()}), "+OK\r\n");
  go_to(1100ms);
  EXPECT_EQ(subscriber.read_some(1500ms), "");
  EXPECT_EQ(at_redis({"PUBLISH", "app:news", "after"}), ":1\r\n");
  EXPECT_THAT(subscriber.read_reply(), EndsWith("after\r\n"));
}

TEST_F(SessionEnd, Case74ARenewalBehindAWaitCounts) {
  RawClient blocked = client();
  const std::string fresh = token(kLife + 60s);
  ASSERT_TRUE(blocked.send(packet({{"BLPOP", "app:l", "0"}, {"AUTH", fresh}, {"GET", "app:k"}})));
  ASSERT_TRUE(eventually([&] {
    return at_redis({"INFO", "clients"}).find("blocked_clients:1") != std::string::npos;
  }));
  go_to(1100ms);
  ASSERT_EQ(at_redis({"RPUSH", "app:l", "v"}), ":1\r\n");
  EXPECT_THAT(blocked.read_reply(), StartsWith("*2\r\n"));
  EXPECT_EQ(blocked.read_reply(), "+OK\r\n");
  EXPECT_EQ(blocked.read_reply(), "$-1\r\n");
}

TEST_F(SessionEnd, Case74NobodyIsBroughtBackWhoWasTold) {
  RawClient late = client();
  go_to(1100ms);
  ASSERT_TRUE(late.send(packet({{"GET", "app:k"}, {"AUTH", token()}, {"GET", "app:k"}})));
  EXPECT_EQ(count(last_words(late), "-NOAUTH "), 3U);
}

TEST_F(SessionEnd, ClosesAreSpread) {
  rig([](server::Config& config) { config.limits.expiry_jitter = 2s; });
  std::vector<RawClient> subscribers;
  for (int i = 0; i < 12; ++i) {
    subscribers.push_back(client());
    ASSERT_NE(subscribers.back().call({"SUBSCRIBE", "app:news"}), "");
  }
  go_to(0ms);
  std::set<int> tenths;
  const auto begin = std::chrono::steady_clock::now();
  std::size_t open = subscribers.size();
  while (open > 0 && std::chrono::steady_clock::now() - begin < 5s) {
    for (RawClient& one : subscribers) {
      if (one.closed()) continue;
      (void)one.read_some(1ms);
      if (!one.closed()) continue;
      --open;
      tenths.insert(static_cast<int>((std::chrono::steady_clock::now() - begin) / 100ms));
    }
  }
  EXPECT_EQ(open, 0U);
  EXPECT_GE(tenths.size(), 4U);
}

TEST_F(SessionEnd, MostOfALifeIsSeenInTheMetrics) {
  RawClient old = client();
  go_to(-kLife / 4);
  EXPECT_TRUE(rig().becomes("keyward_sessions_near_end", 0));
  go_to(-kLife / 6);
  EXPECT_TRUE(rig().becomes("keyward_sessions_near_end", 1));
  EXPECT_EQ(old.call({"AUTH", token()}), "+OK\r\n");
  EXPECT_TRUE(rig().becomes("keyward_sessions_near_end", 0));
}

// --- cases 30, 69, 70, 71 and 75

TEST_F(SessionEnd, Case30LeewayMovesLoginAndEndAlike) {
  rig([](server::Config& config) { config.issuers[0].exp_leeway = 10s; });
  const std::string over = token(2s), within = token(6s);
  clock_.skip(13s);
  EXPECT_THAT(rig().connect().call({"AUTH", over}), StartsWith("-WRONGPASS "));
  RawClient late = rig().connect();
  ASSERT_EQ(late.call({"AUTH", within}), "+OK\r\n");
  EXPECT_EQ(late.call({"SET", "app:k", "v"}), "+OK\r\n");
  clock_.skip(3'100ms);
  EXPECT_THAT(late.call({"SET", "app:k", "v"}), StartsWith("-NOAUTH "));
}

TEST_F(SessionEnd, Case69AuthInsideMultiDoomsTheTransaction) {
  for (const int protocol : {2, 3}) {
    for (const bool hello : {false, true}) {
      RawClient inside = client(protocol);
      const std::string fresh = token();
      ASSERT_EQ(inside.call({"MULTI"}), "+OK\r\n");
      ASSERT_EQ(inside.call({"SET", "app:k", "v"}), "+QUEUED\r\n");
      EXPECT_THAT(hello ? inside.call({"HELLO", "3", "AUTH", "default", fresh})
                        : inside.call({"AUTH", fresh}),
                  StartsWith("-ERR "));
      EXPECT_THAT(inside.call({"EXEC"}), StartsWith("-EXECABORT "));
      EXPECT_EQ(inside.call({"EXISTS", "app:k"}), ":0\r\n");
    }
  }
}

TEST_F(SessionEnd, Case69AuthWhileSubscribed) {
  RawClient old = client(2), modern = client(3);
  for (RawClient* one : {&old, &modern}) ASSERT_NE(one->call({"SUBSCRIBE", "app:news"}), "");
  EXPECT_THAT(old.call({"AUTH", token()}), StartsWith("-ERR Can't execute 'auth'"));
  EXPECT_EQ(modern.call({"AUTH", token()}), "+OK\r\n");
  EXPECT_THAT(modern.call({"AUTH", token(kLife, "workers", "bob")}), StartsWith("-ERR "))
      << "another identity does not take over subscriptions";
  EXPECT_EQ(rig().records("\"pinned\"", "denied").size(), 1U);
  EXPECT_EQ(at_redis({"PUBLISH", "app:news", "x"}), ":2\r\n");
}

TEST_F(SessionEnd, Case70ABadAuthKeepsTheIdentity) {
  RawClient one = rig().connect();
  ASSERT_TRUE(one.send(
      packet({{"AUTH", token()}, {"SET", "app:k", "v"}, {"AUTH", "rubbish"}, {"GET", "app:k"}})));
  EXPECT_EQ(one.read_reply(), "+OK\r\n");
  EXPECT_EQ(one.read_reply(), "+OK\r\n");
  EXPECT_THAT(one.read_reply(), StartsWith("-WRONGPASS "));
  EXPECT_EQ(one.read_reply(), "$1\r\nv\r\n");
  EXPECT_EQ(rig().records("\"kind\":\"login\"").size(), 1U);
  EXPECT_EQ(rig().records("\"kind\":\"login_refused\"").size(), 1U);
}

TEST_F(SessionEnd, Case71EachCommandRunsUnderTheIdentityBeforeIt) {
  RawClient one = rig().connect();
  ASSERT_TRUE(one.send(packet({{"AUTH", token()},
                               {"SET", "app:k", "v"},
                               {"SET", "other:k", "v"},
                               {"AUTH", token(kLife, "others", "bob")},
                               {"SET", "app:k", "v"},
                               {"SET", "other:k", "v"}})));
  EXPECT_EQ(one.read_reply(), "+OK\r\n");
  EXPECT_EQ(one.read_reply(), "+OK\r\n");
  EXPECT_THAT(one.read_reply(), StartsWith("-NOPERM "));
  EXPECT_EQ(one.read_reply(), "+OK\r\n");
  EXPECT_THAT(one.read_reply(), StartsWith("-NOPERM "));
  EXPECT_EQ(one.read_reply(), "+OK\r\n");
  EXPECT_EQ(rig().records("\"kind\":\"login\"").size(), 2U);
  EXPECT_EQ(rig().records("\"kind\":\"session_end\"").size(), 1U) << "one left, another came";
}

TEST_F(SessionEnd, Case75FewerGroupsCountFromTheNextCommandOn) {
  RawClient one = client();
  EXPECT_EQ(one.call({"WATCH", "app:w"}), "+OK\r\n");
  EXPECT_EQ(one.call({"AUTH", token(kLife, "others")}), "+OK\r\n");
  EXPECT_THAT(one.call({"SET", "app:k", "v"}), StartsWith("-NOPERM "));
  ASSERT_EQ(one.call({"MULTI"}), "+OK\r\n");
  EXPECT_EQ(one.call({"SET", "other:k", "v"}), "+QUEUED\r\n");
  EXPECT_EQ(one.call({"EXEC"}), "*-1\r\n") << "the watch was of rights that are gone";
  EXPECT_EQ(one.call({"SET", "other:k", "v"}), "+OK\r\n");
}

// --- the same at random

// A session by the model: what it was answered, and until when.
struct Modelled {
  RawClient client;
  std::string key;
  WallTime ends{};
  long long executed = 0;  // INCRs that were answered with a number
};

// Commands, pipelines, renewals and jumps of the clock in any order: who is over is refused and
// closed, nobody else is, and every INCR that Redis ran was answered.
TEST_F(SessionEnd, Case74AtRandom) {
  const char* seed = std::getenv("KEYWARD_SEED");
  std::mt19937 random(seed != nullptr ? static_cast<unsigned>(std::atoi(seed)) : 74U);
  const auto pick = [&](int most) {
    return static_cast<int>(random() % static_cast<unsigned>(most));
  };
  std::vector<Modelled> all(6);
  int made = 0, refused = 0, renewed = 0;
  const auto open = [&](Modelled& one) {
    one.client = client(pick(2) + 2);
    one.ends = ends_;
  };
  for (Modelled& one : all) {
    one.key = "app:n" + std::to_string(made++);
    open(one);
  }
  // What counts at Redis was answered, also across the connections of one key.
  const auto settled = [&](const Modelled& one) {
    const std::string value = at_redis({"GET", one.key});
    const std::string number = std::to_string(one.executed);
    return value == "$" + std::to_string(number.size()) + "\r\n" + number + "\r\n" ||
           (one.executed == 0 && value == "$-1\r\n");
  };
  for (int step = 0; step < 1500; ++step) {
    Modelled& one = all[static_cast<std::size_t>(pick(static_cast<int>(all.size())))];
    switch (pick(4)) {
      case 0:
        clock_.skip(std::chrono::milliseconds(pick(9'000)));
        break;
      case 1: {
        // Too near to the end, either answer is right.
        const auto left = one.ends - clock_.wall();
        if (left > -500ms && left < 500ms) break;
        // Whoever is past it may be closed already, or may renew.
        const std::string secret = token();
        const WallTime until = std::chrono::floor<std::chrono::seconds>(clock_.wall()) + kLife;
        const std::string answer = one.client.call({"AUTH", secret});
        ASSERT_TRUE(answer == "+OK\r\n" || (answer.empty() && left < 0ms)) << answer;
        if (answer.empty()) {
          open(one);
        } else {
          one.ends = until;
          ++renewed;
        }
        break;
      }
      default: {
        const auto left = one.ends - clock_.wall();
        if (left > -500ms && left < 500ms) break;
        const int asked = 1 + pick(8);
        std::vector<Request> pipeline(static_cast<std::size_t>(asked), {"INCR", one.key});
        (void)one.client.send(packet(pipeline));
        if (left > 0ms) {
          for (int i = 0; i < asked; ++i)
            ASSERT_EQ(one.client.read_reply(), ":" + std::to_string(++one.executed) + "\r\n");
          break;
        }
        const std::string told = one.client.read_to_end(3000ms);
        ASSERT_TRUE(one.client.closed());
        ASSERT_EQ(told.find(':'), std::string::npos) << "ran after its end: " << told;
        ++refused;
        open(one);
      }
    }
    ASSERT_TRUE(settled(one)) << one.key << " after step " << step;
  }
  EXPECT_GT(refused, 10);
  EXPECT_GT(renewed, 10);
}

}  // namespace
}  // namespace keyward
