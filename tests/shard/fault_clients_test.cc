// Clients that vanish, do not read or never stop: the others go on, memory stays bounded, nothing
// leaks.
#include "support/conversation.h"
#include "support/proxy_rig.h"

#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

namespace keyward {
namespace {

using namespace std::chrono_literals;
using test::eventually;
using test::kSlack;
using test::packet;
using test::ProxyRig;
using test::RawClient;
using test::Request;
using test::resident_bytes;

constexpr std::size_t kMiB = 1024UL * 1024;

class Clients : public test::RigTest {
 protected:
  void make_big(const std::string& key, std::size_t size) {
    ASSERT_EQ(at_redis({"SETRANGE", key, std::to_string(size - 1), "x"}),
              ":" + std::to_string(size) + "\r\n");
  }
  bool blocked_at_redis(std::size_t count) {
    return eventually([&] {
      return at_redis({"INFO", "clients"}).find("blocked_clients:" + std::to_string(count)) !=
             std::string::npos;
    });
  }
  void expect_nothing_left() {
    EXPECT_TRUE(rig().becomes("keyward_connections", 0));
    EXPECT_TRUE(rig().becomes("keyward_upstream_lent", 0));
  }
};

// Reads like a client on a bad line: little room in the kernel, and only when told.
RawClient narrow(ProxyRig& rig, const std::string& subject) {
  RawClient client = rig.client(subject);
  const int small = 64 * 1024;
  ::setsockopt(client.fd(), SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
  return client;
}

TEST_F(Clients, VanishingDuringABlockingCommandEndsItsLink) {
  for (int round = 0; round < 3; ++round) {
    RawClient client = rig().client();
    ASSERT_TRUE(client.send({"BLPOP", "app:l", "0"}));
    ASSERT_TRUE(blocked_at_redis(1));
    client.close();
    ASSERT_TRUE(blocked_at_redis(0)) << "Redis would pop for nobody";
  }
  ASSERT_EQ(at_redis({"RPUSH", "app:l", "v"}), ":1\r\n");
  RawClient next = rig().client();
  EXPECT_EQ(next.call({"BLPOP", "app:l", "0"}), "*2\r\n$5\r\napp:l\r\n$1\r\nv\r\n");
  next.close();
  expect_nothing_left();
}

TEST_F(Clients, VanishingBehindMoreInputThanIsTakenInIsNoticed) {
  for (const bool watching : {false, true}) {
    RawClient client = rig().client();
    if (watching) {
      ASSERT_EQ(client.call({"WATCH", "app:k"}), "+OK\r\n");
    }
    ASSERT_TRUE(client.send({"BLPOP", "app:l", "0"}));
    ASSERT_TRUE(blocked_at_redis(1));
    ASSERT_TRUE(client.send(
        packet(std::vector<Request>(180, {"SET", "app:behind", std::string(500, 'x')}))));
    std::this_thread::sleep_for(50ms);
    client.close();
    EXPECT_TRUE(blocked_at_redis(0));
    expect_nothing_left();
  }
  EXPECT_EQ(at_redis({"EXISTS", "app:behind"}), ":0\r\n");
}

TEST_F(Clients, VanishingInASubscriptionEndsItsLink) {
  for (const int protocol : {2, 3}) {
    RawClient client = rig().client("alice", protocol);
    ASSERT_NE(client.call({"SUBSCRIBE", "app:news"}), "");
    client.close();
    EXPECT_TRUE(eventually([&] { return at_redis({"PUBLISH", "app:news", "x"}) == ":0\r\n"; }));
  }
  expect_nothing_left();
}

TEST_F(Clients, VanishingUnderAWatchOrTransactionLeavesNothing) {
  RawClient client = rig().client();
  ASSERT_TRUE(client.send(packet({{"WATCH", "app:k"}, {"MULTI"}, {"SET", "app:k", "v"}})));
  EXPECT_EQ(client.read(5 + 5 + 9), "+OK\r\n+OK\r\n+QUEUED\r\n");
  client.close();
  expect_nothing_left();
  EXPECT_EQ(at_redis({"EXISTS", "app:k"}), ":0\r\n");
}

TEST_F(Clients, VanishingWithAThousandCommandsUnderWayHurtsNobody) {
  start([](server::Config& config) { config.limits.inflight = 2000; });
  RawClient leaving = rig().client();
  RawClient staying = rig().client();
  ASSERT_EQ(staying.call({"SET", "app:warm", "v"}), "+OK\r\n");
  std::vector<Request> gets;
  for (int i = 0; i < 1000; ++i) {
    at_redis({"SET", "app:" + std::to_string(i), std::to_string(i)});
    gets.push_back({"GET", "app:" + std::to_string(i)});
  }
  rig().chaos().forget_requests();
  rig().chaos().hold_replies(true);
  ASSERT_TRUE(leaving.send(packet(std::vector<Request>(500, {"INCR", "app:n"}))));
  ASSERT_TRUE(staying.send(packet({gets.begin(), gets.begin() + 500})));
  ASSERT_TRUE(leaving.send(packet(std::vector<Request>(500, {"INCR", "app:n"}))));
  ASSERT_TRUE(staying.send(packet({gets.begin() + 500, gets.end()})));
  ASSERT_TRUE(
      eventually([&] { return rig().chaos().requests().find("app:999\r") != std::string::npos; }));
  leaving.close();
  std::this_thread::sleep_for(20ms);
  rig().chaos().hold_replies(false);
  for (int i = 0; i < 1000; ++i) {
    const std::string text = std::to_string(i);
    ASSERT_EQ(staying.read_reply(), "$" + std::to_string(text.size()) + "\r\n" + text + "\r\n");
  }
  EXPECT_EQ(at_redis({"GET", "app:n"}), "$4\r\n1000\r\n");
  staying.close();
  expect_nothing_left();
  rig().expect_whole_trail();
  EXPECT_EQ(rig().records("app:n\"", "ok").size(), 1000U);
}

// Who shares the link waits behind a window of them, not behind all that was sent.
TEST_F(Clients, APipelinerHasOnlySoManyCommandsUnderWay) {
  start([](server::Config& config) { config.limits.inflight = 10; });
  RawClient many = rig().client();
  RawClient single = rig().client();
  ASSERT_EQ(single.call({"SET", "app:single", "v"}), "+OK\r\n");
  rig().chaos().forget_requests();
  rig().chaos().hold_replies(true);
  std::vector<Request> gets;
  for (int i = 0; i < 100; ++i) gets.push_back({"SET", "app:" + std::to_string(i), "v"});
  ASSERT_TRUE(many.send(packet(gets)));
  ASSERT_TRUE(
      eventually([&] { return rig().chaos().requests().find("app:9\r") != std::string::npos; }));
  ASSERT_TRUE(single.send(packet({{"GET", "app:single"}})));
  ASSERT_TRUE(
      eventually([&] { return rig().chaos().requests().find("app:single") != std::string::npos; }));
  EXPECT_EQ(rig().chaos().requests().find("app:20\r"), std::string::npos);
  rig().chaos().hold_replies(false);
  EXPECT_EQ(single.read_reply(), "$1\r\nv\r\n");
  for (int i = 0; i < 100; ++i) ASSERT_EQ(many.read_reply(), "+OK\r\n");
}

TEST_F(Clients, SlowReaderOfAHugeReplyHoldsUpNobodyForLong) {
  make_big("app:big", 64 * kMiB);
  at_redis({"SET", "app:k", "v"});
  RawClient slow = narrow(rig(), "alice");
  RawClient behind = rig().client();
  RawClient later = rig().client();
  ASSERT_EQ(slow.call({"GET", "app:k"}), "$1\r\nv\r\n");
  const std::size_t before = resident_bytes();
  ASSERT_TRUE(slow.send(packet({{"GET", "app:big"}, {"GET", "app:big"}})));
  ASSERT_TRUE(
      eventually([&] { return rig().chaos().requests().find("app:big") != std::string::npos; }));
  const auto start = std::chrono::steady_clock::now();
  ASSERT_TRUE(behind.send({"GET", "app:k"}));
  std::this_thread::sleep_for(500ms);  // the reply has filled what the kernel takes
  const auto asked = std::chrono::steady_clock::now();
  EXPECT_EQ(later.call({"GET", "app:k"}), "$1\r\nv\r\n");
  EXPECT_LT(std::chrono::steady_clock::now() - asked, 1s) << "a new link for who comes later";
  const std::string answer = behind.read_reply(5000ms);
  EXPECT_LT(std::chrono::steady_clock::now() - start, 4s);
  EXPECT_TRUE(answer == "$1\r\nv\r\n" || (answer.empty() && behind.closed())) << answer;
  EXPECT_LT(resident_bytes(), before + 16 * kMiB + kSlack);
}

// Reading a little now and then is not enough to make others wait for minutes.
TEST_F(Clients, DrippingReaderHoldsUpNobodyForLong) {
  make_big("app:big", 64 * kMiB);
  RawClient slow = narrow(rig(), "alice");
  RawClient behind = rig().client();
  ASSERT_EQ(slow.call({"GET", "app:none"}), "$-1\r\n");
  // Both requests leave for Redis together, so the second one's answer is on the same link.
  rig().chaos().hold_requests(true);
  ASSERT_TRUE(slow.send({"GET", "app:big"}));
  std::this_thread::sleep_for(50ms);
  ASSERT_TRUE(behind.send({"GET", "app:none"}));
  std::this_thread::sleep_for(50ms);
  rig().chaos().hold_requests(false);
  const auto start = std::chrono::steady_clock::now();
  std::thread drip([&] {
    while (!slow.closed() && std::chrono::steady_clock::now() - start < 5s) {
      (void)slow.read_some(100ms);  // at most 64 KiB: about 1 MiB a second
      std::this_thread::sleep_for(60ms);
    }
  });
  EXPECT_EQ(behind.read_reply(6000ms), "$-1\r\n");
  EXPECT_LT(std::chrono::steady_clock::now() - start, 4500ms);
  slow.finish();
  drip.join();
}

TEST_F(Clients, SlowReaderThatNobodyWaitsForIsServed) {
  make_big("app:big", 24 * kMiB);
  RawClient slow = narrow(rig(), "alice");
  ASSERT_TRUE(slow.send(packet({{"GET", "app:big"}, {"GET", "app:none"}})));
  std::this_thread::sleep_for(3500ms);
  std::string all = slow.read(24 * kMiB + 11 + 2, 20'000ms);
  EXPECT_EQ(all.size(), 24 * kMiB + 13);
  EXPECT_EQ(slow.read_reply(), "$-1\r\n");
}

// Many whole answers pile up for a client; the link they came on is retired and goes while he still
// reads.
TEST_F(Clients, SlowReaderOutlivesTheLinkHisAnswersCameOn) {
  start([](server::Config& config) { config.limits.output_soft = 64 * 1024; });
  make_big("app:part", 100 * 1024);
  for (int round = 0; round < 3; ++round) {
    RawClient slow = narrow(rig(), "alice");
    ASSERT_TRUE(slow.send(packet(std::vector<Request>(100, {"GET", "app:part"}))));
    for (int i = 0; i < 100; ++i) {
      if (i % 8 == 0) std::this_thread::sleep_for(5ms);
      ASSERT_EQ(slow.read_reply().size(), 100 * 1024 + 11U) << i;
    }
    ASSERT_EQ(slow.call({"GET", "app:none"}), "$-1\r\n");
  }
}

TEST_F(Clients, SubscriberThatDoesNotReadIsBounded) {
  RawClient slow = narrow(rig(), "alice");
  ASSERT_NE(slow.call({"SUBSCRIBE", "app:news"}), "");
  const std::size_t before = resident_bytes();
  RawClient publisher = rig().redis().raw();
  const std::string megabyte(kMiB, 'x');
  for (int i = 0; i < 64; ++i) (void)publisher.call({"PUBLISH", "app:news", megabyte});
  EXPECT_LT(resident_bytes(), before + 24 * kMiB + kSlack);
  RawClient other = rig().client();
  EXPECT_EQ(other.call({"SET", "app:k", "v"}), "+OK\r\n");
}

// Redis does not answer, clients go on asking: what is kept for them has an end in every lane.
TEST_F(Clients, FloodAgainstASilentRedisIsBounded) {
  const std::string value(100'000, 'x');
  const std::vector<std::vector<Request>> floods{
      {{"SET", "app:k", value}},
      {{"MULTI"}, {"SET", "app:k", value}, {"EXEC"}},
      {{"PUBLISH", "app:news", value}},
  };
  for (const int protocol : {2, 3}) {
    for (const auto& flood : floods) {
      RawClient client = rig().client("alice", protocol);
      if (protocol == 3) {
        ASSERT_NE(client.call({"SUBSCRIBE", "app:other"}),
                  "");  // so that all goes through the relay
      }
      ASSERT_EQ(rig().client().call({"SET", "app:k", "v"}), "+OK\r\n");
      rig().chaos().hold_requests(true);
      const std::size_t before = resident_bytes();
      const std::string once = packet(flood);
      ::fcntl(client.fd(), F_SETFL, O_NONBLOCK);
      std::size_t taken = 0;
      for (int i = 0; i < 3000 && taken < 100 * kMiB; ++i) {
        const ssize_t sent = ::send(client.fd(), once.data() + taken % once.size(),
                                    once.size() - taken % once.size(), MSG_NOSIGNAL);
        if (sent > 0) taken += static_cast<std::size_t>(sent);
        if (sent <= 0) std::this_thread::sleep_for(1ms);
        if (sent <= 0 && i > 1000) break;
      }
      EXPECT_LT(taken, 60 * kMiB) << flood[0][0] << " RESP" << protocol;
      EXPECT_LT(resident_bytes(), before + 40 * kMiB + kSlack)
          << flood[0][0] << " RESP" << protocol;
      client.close();
      rig().chaos().kill_links();
      rig().chaos().hold_requests(false);
      ASSERT_TRUE(rig().becomes("keyward_connections", 0));
    }
  }
}

TEST_F(Clients, HalfOpenAndDrippingPeersMeetDeadlines) {
  start([](server::Config& config) {
    config.limits.login_deadline = 1s;
    config.limits.handshake_deadline = 1s;
  });
  const auto begin = std::chrono::steady_clock::now();
  RawClient silent = rig().connect();
  RawClient mute_tls(rig().tls_port());
  RawClient dripping = rig().connect();
  std::thread drip([&] {
    for (const char c : std::string("*2\r\n$4\r\nAUTH\r\n$90\r\naaaaaaaaaaaaaaaaaaaaaaaa")) {
      if (!dripping.send(std::string_view(&c, 1))) return;
      std::this_thread::sleep_for(100ms);
    }
  });
  EXPECT_EQ(silent.read_to_end(4000ms), "");
  EXPECT_TRUE(silent.closed());
  EXPECT_EQ(mute_tls.read_to_end(4000ms), "");
  EXPECT_TRUE(mute_tls.closed());
  EXPECT_EQ(dripping.read_to_end(4000ms), "");
  EXPECT_TRUE(dripping.closed());
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 3500ms);
  drip.join();
  RawClient logged_in = rig().client();
  std::this_thread::sleep_for(2200ms);
  EXPECT_EQ(logged_in.call({"SET", "app:k", "v"}), "+OK\r\n") << "no deadline after the login";
}

}  // namespace
}  // namespace keyward
