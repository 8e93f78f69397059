// Answers and messages that the client may not see as they are: links that die halfway, slow
// readers, bounds, and a Redis that speaks otherwise than known. Nothing foreign ever gets through.
#include "support/conversation.h"
#include "support/proxy_rig.h"

#include <gtest/gtest.h>

#include <string>
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

constexpr std::size_t kKiB = 1024, kMiB = 1024 * kKiB;

constexpr const char* kPolicy = R"(apiVersion: keyward/v1
team: rig
owners: [rig@example.com]
grants:
  - name: worker
    who: [{issuer: dev, groups: [workers]}]
    namespace: "t:"
    allow:
      - commands: ["@read", "@write", "@blocking", "@transaction", "-@dangerous", keys, randomkey,
                   "client|tracking"]
        keys: ["*"]
      - commands: [publish, subscribe, unsubscribe, psubscribe, punsubscribe]
        channels: ["*", "__keyevent@0__:*"]
  - name: reader
    who: [{issuer: dev, groups: [readers]}]
    allow:
      - {commands: [get, set, keys, scan, "@transaction"], keys: ["t:*"]}
)";

class View : public testing::Test {
 protected:
  ProxyRig& rig(const ProxyRig::Change& change = {}) {
    if (!rig_) rig_ = std::make_unique<ProxyRig>(change, kPolicy);
    return *rig_;
  }
  // `count` keys of each team, with names of `length` bytes and more.
  void fill(std::size_t count, std::size_t length = 0) {
    RawClient admin = rig().redis().raw();
    std::vector<Request> requests;
    for (std::size_t i = 0; i < count; ++i) {
      const std::string name = std::to_string(i) + std::string(length, 'x');
      requests.push_back({"MSET", "t:" + name, "v", "secret:" + name, "v"});
    }
    (void)test::converse(admin, requests, 20'000ms);
  }
  std::unique_ptr<ProxyRig> rig_;
};

TEST_F(View, DeathInTheMiddleOfAHeldAnswerGivesNothingAway) {
  fill(200);
  for (const std::size_t cut : {1U, 5U, 100U, 1500U}) {
    RawClient client = rig().client();
    ASSERT_EQ(client.call({"GET", "1"}), "$1\r\nv\r\n");
    rig().chaos().kill_after_reply_bytes(cut);
    ASSERT_TRUE(client.send(packet({{"KEYS", "*"}, {"GET", "1"}})));
    EXPECT_EQ(client.read_to_end(), "") << "cut after " << cut;
    EXPECT_TRUE(client.closed());
  }
  RawClient next = rig().client();
  EXPECT_TRUE(next.call({"KEYS", "*"}).starts_with("*200\r\n")) << "service goes on";
}

TEST_F(View, DeathInTheMiddleOfAMessageGivesNothingAway) {
  RawClient client = rig().client();
  ASSERT_NE(client.call({"SUBSCRIBE", "news"}), "");
  rig().chaos().kill_after_reply_bytes(40);
  ASSERT_EQ(rig().redis().raw().call({"PUBLISH", "t:news", std::string(200, 'x')}), ":1\r\n");
  EXPECT_EQ(client.read_to_end(), "");
  EXPECT_TRUE(client.closed());
}

TEST_F(View, SlowReaderOfAFilteredAnswerGetsAllOfIt) {
  fill(20'000, 200);
  RawClient slow = rig().client();
  const int small = 64 * 1024;
  ::setsockopt(slow.fd(), SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
  RawClient other = rig().client();
  ASSERT_TRUE(slow.send(packet({{"KEYS", "*"}, {"GET", "none"}})));
  std::this_thread::sleep_for(500ms);
  EXPECT_EQ(other.call({"GET", "none"}), "$-1\r\n") << "nobody waits for the slow one";
  const std::string all = slow.read_reply(20'000ms);
  EXPECT_TRUE(all.starts_with("*20000\r\n"));
  EXPECT_EQ(all.find("secret"), std::string::npos);
  EXPECT_EQ(all.find("t:"), std::string::npos);
  EXPECT_EQ(slow.read_reply(), "$-1\r\n");
}

TEST_F(View, AnswerBeyondTheBoundIsAnErrorAndCostsNoMemory) {
  rig([](server::Config& config) { config.limits.filtered_answer = 64 * kKiB; });
  fill(20'000, 600);
  for (const std::string group : {"workers", "readers"}) {
    const std::string own = group == "workers" ? "1" : "t:1";
    RawClient client = rig().client("alice", 2, group);
    ASSERT_EQ(client.call({"SET", own, "v"}), "+OK\r\n");
    const std::size_t before = resident_bytes();
    for (int i = 0; i < 5; ++i) {
      const std::string answer = client.call({"KEYS", "*"});
      EXPECT_TRUE(answer.starts_with("-ERR") && answer.find("filtered_answer") != std::string::npos)
          << answer.substr(0, 200);
    }
    EXPECT_LT(resident_bytes(), before + 8 * kMiB + kSlack);
    EXPECT_EQ(client.call({"GET", own}), "$1\r\nv\r\n");
    const std::string exec =
        test::converse(client, {{"MULTI"}, {"GET", own}, {"KEYS", "*"}, {"GET", own}, {"EXEC"}});
    EXPECT_TRUE(exec.starts_with("+OK\r\n+QUEUED\r\n+QUEUED\r\n+QUEUED\r\n*3\r\n$1\r\nv\r\n-ERR"))
        << exec.substr(0, 200);
    EXPECT_NE(exec.find("\r\n$1\r\nv\r\n$12\r\n"), std::string::npos);
  }
}

TEST_F(View, PoppedValueBeyondTheBoundIsNotLost) {
  rig([](server::Config& config) { config.limits.filtered_answer = 512 * kKiB; });
  RawClient client = rig().client();
  const std::string value(5 * kMiB, 'v');
  ASSERT_EQ(client.call({"RPUSH", "q", value}), ":1\r\n");
  rig().chaos().cut_replies_into(50'000);
  const std::string got = client.call({"BLPOP", "q", "0"}, 20'000ms);
  EXPECT_TRUE(got == "*2\r\n$1\r\nq\r\n$" + std::to_string(value.size()) + "\r\n" + value + "\r\n");
}

TEST_F(View, MessageBeyondTheBoundEndsTheSubscriber) {
  rig([](server::Config& config) { config.limits.filtered_answer = 64 * kKiB; });
  RawClient client = rig().client();
  ASSERT_NE(client.call({"SUBSCRIBE", "news"}), "");
  (void)rig().redis().raw().call({"PUBLISH", "t:news", std::string(kMiB, 'x')});
  EXPECT_EQ(client.read_to_end(), "");
  EXPECT_TRUE(client.closed());
}

TEST_F(View, AnswerOfUnknownFormIsWithheldAndRecorded) {
  RawClient client = rig().client();
  ASSERT_EQ(client.call({"GET", "none"}), "$-1\r\n");
  rig().chaos().hold_requests(true);
  ASSERT_TRUE(client.send({"KEYS", "*"}));
  std::this_thread::sleep_for(50ms);
  rig().chaos().inject("*2\r\n$8\r\nsecret:1\r\n:5\r\n");
  const std::string answer = client.read_reply();
  EXPECT_TRUE(answer.starts_with("-ERR")) << answer;
  EXPECT_EQ(answer.find("secret"), std::string::npos);
  rig().chaos().hold_requests(false);
  EXPECT_TRUE(eventually(
      [&] { return !rig().records("\"Drift\"").empty() || !rig().records("withheld").empty(); }));
}

// Keyevent messages carry everybody's keys: each subscriber gets its own, with and without a
// namespace, in any pieces.
TEST_F(View, KeyeventsAreFilteredInAnyPieces) {
  ASSERT_EQ(rig().redis().raw().call({"CONFIG", "SET", "notify-keyspace-events", "KEA"}),
            "+OK\r\n");
  RawClient client = rig().client();
  ASSERT_NE(client.call({"SUBSCRIBE", "__keyevent@0__:set"}), "");
  RawClient admin = rig().redis().raw();
  for (const std::size_t piece : {1U, 3U, 20U, 0U}) {
    rig().chaos().cut_replies_into(piece);
    for (const char* key : {"secret:1", "t:a", "other", "t:b"})
      ASSERT_EQ(admin.call({"SET", key, "v"}), "+OK\r\n");
    const std::string head = "*3\r\n$7\r\nmessage\r\n$18\r\n__keyevent@0__:set\r\n$1\r\n";
    EXPECT_EQ(client.read_reply(), head + "a\r\n");
    EXPECT_EQ(client.read_reply(), head + "b\r\n");
  }
}

// RESET waits for the end of a message that is half there, also of one that is not shown.
TEST_F(View, NothingWaitsForAMessageThatIsNotShown) {
  ASSERT_EQ(rig().redis().raw().call({"CONFIG", "SET", "notify-keyspace-events", "KEA"}),
            "+OK\r\n");
  RawClient admin = rig().redis().raw();
  for (int round = 0; round < 30; ++round) {
    RawClient client = rig().client();
    ASSERT_NE(client.call({"SUBSCRIBE", "__keyevent@0__:set"}), "");
    rig().chaos().cut_replies_into(1);
    ASSERT_EQ(admin.call({"SET", "secret:" + std::string(300, 'x'), "v"}), "+OK\r\n");
    std::this_thread::sleep_for(std::chrono::microseconds(round * 100));
    EXPECT_EQ(client.call({"RESET"}), "+RESET\r\n") << "round " << round;
    rig().chaos().cut_replies_into(0);
  }
}

TEST_F(View, AnotherNamespaceEndsSubscriptionsAndRenamesTheRest) {
  RawClient subscriber = rig().client("bob");
  RawClient tracker = rig().client("carol", 3);
  RawClient client = rig().client();
  ASSERT_NE(subscriber.call({"SUBSCRIBE", "news"}), "");
  ASSERT_EQ(tracker.call({"CLIENT", "TRACKING", "ON"}), "+OK\r\n");
  ASSERT_EQ(client.call({"SET", "k", "old"}), "+OK\r\n");
  std::string policy = kPolicy;
  policy.replace(policy.find("\"t:\""), 4, "\"u:\"");
  rig().reload(policy);
  EXPECT_EQ(subscriber.read_to_end(), "");
  EXPECT_TRUE(subscriber.closed());
  (void)tracker.send({"GET", "k"});
  EXPECT_EQ(tracker.read_to_end().find("old"), std::string::npos);
  EXPECT_TRUE(tracker.closed());
  EXPECT_EQ(client.call({"GET", "k"}), "$-1\r\n");
  EXPECT_EQ(client.call({"SET", "k", "new"}), "+OK\r\n");
  RawClient admin = rig().redis().raw();
  EXPECT_EQ(admin.call({"GET", "u:k"}), "$3\r\nnew\r\n");
  EXPECT_EQ(admin.call({"GET", "t:k"}), "$3\r\nold\r\n");
}

}  // namespace
}  // namespace keyward
