// Answers through every lane, with replies cut at every byte and commands of all lanes in one
// packet. Redis itself, asked directly, is the oracle.
#include "support/conversation.h"
#include "support/proxy_rig.h"

#include <gtest/gtest.h>

#include <string>
#include <tuple>
#include <vector>

namespace keyward {
namespace {

using test::converse;
using test::ProxyRig;
using test::RawClient;
using test::Request;
using test::without_ids;
using Script = std::vector<Request>;

const Script kPrepare{{"FLUSHALL"},
                      {"SET", "app:k", "hello"},
                      {"RPUSH", "app:l", "1", "2", "3", "4", "5", "6", "7", "8"},
                      {"HSET", "app:h", "f", "v", "g", "w"},
                      {"SADD", "app:s", "m"},
                      {"ZADD", "app:z", "1.5", "m"},
                      {"XADD", "app:x", "1-1", "f", "v"},
                      {"SET", "app:n", "1"}};

struct Named {
  const char* name;
  Script script;
};

const std::vector<Named>& scripts() {
  static const std::vector<Named> kAll{
      {"shared",
       {{"GET", "app:k"},
        {"HGETALL", "app:h"},
        {"SMEMBERS", "app:s"},
        {"ZSCORE", "app:z", "m"},
        {"LRANGE", "app:l", "0", "-1"},
        {"GET", "app:none"},
        {"INCR", "app:k"},
        {"INCR", "app:n"}}},
      {"lent",
       {{"SET", "app:k", "2"},
        {"BLPOP", "app:l", "0"},
        {"GET", "app:k"},
        {"BLPOP", "app:none", "0.02"},
        {"BRPOP", "app:none", "app:l", "0"},
        {"XREAD", "BLOCK", "20", "STREAMS", "app:x", "0"},
        {"LLEN", "app:l"}}},
      {"held",
       {{"WATCH", "app:k"},
        {"GET", "app:k"},
        {"MULTI"},
        {"SET", "app:k", "3"},
        {"INCR", "app:h"},
        {"LPOP", "app:l", "2"},
        {"EXEC"},
        {"GET", "app:k"}}},
      {"multi",
       {{"MULTI"},
        {"INCR", "app:n"},
        {"BLPOP", "app:none", "0"},
        {"GET", "app:k"},
        {"EXEC"},
        {"GET", "app:n"}}},
      {"empty multi", {{"MULTI"}, {"EXEC"}, {"GET", "app:k"}}},
      {"discard",
       {{"WATCH", "app:k"},
        {"MULTI"},
        {"SET", "app:k", "4"},
        {"DISCARD"},
        {"GET", "app:k"},
        {"MULTI"},
        {"DISCARD"},
        {"WATCH", "app:k", "app:n"},
        {"UNWATCH"},
        {"UNWATCH"},
        {"GET", "app:k"}}},
      {"misuse",
       {{"EXEC"},
        {"DISCARD"},
        {"MULTI"},
        {"MULTI"},
        {"GET", "app:k"},
        {"EXEC"},
        {"MULTI"},
        {"GET"},
        {"SET", "app:k", "5"},
        {"EXEC"},
        {"GET", "app:k"}}},
      {"relay",
       {{"SUBSCRIBE", "app:a", "app:b", "app:a"},
        {"UNSUBSCRIBE", "app:a"},
        {"PSUBSCRIBE", "app:*"},
        {"UNSUBSCRIBE"},
        {"PUNSUBSCRIBE"},
        {"GET", "app:k"},
        {"UNSUBSCRIBE", "app:a"},
        {"GET", "app:k"}}},
      {"relay and back many times",
       {{"SUBSCRIBE", "app:a"},
        {"UNSUBSCRIBE", "app:a"},
        {"SET", "app:k", "6"},
        {"SUBSCRIBE", "app:a"},
        {"UNSUBSCRIBE"},
        {"WATCH", "app:k"},
        {"MULTI"},
        {"INCR", "app:k"},
        {"EXEC"},
        {"SUBSCRIBE", "app:a"},
        {"UNSUBSCRIBE"},
        {"BLPOP", "app:l", "0"},
        {"SUBSCRIBE", "app:a"},
        {"UNSUBSCRIBE"},
        {"SELECT", "1"},
        {"GET", "app:k"},
        {"SELECT", "0"}}},
      {"databases",
       {{"SELECT", "1"},
        {"SET", "app:k", "one"},
        {"SELECT", "0"},
        {"GET", "app:k"},
        {"SELECT", "1"},
        {"RPUSH", "app:l", "x"},
        {"BLPOP", "app:l", "0"},
        {"GET", "app:k"},
        {"SELECT", "x"},
        {"SELECT", "0"}}},
      {"names",
       {{"RPUSH", "app:l", "1", "2", "3", "4", "5"},
        {"ZADD", "app:z", "9", "z"},
        {"LMPOP", "2", "app:none", "app:l", "LEFT", "COUNT", "2"},
        {"BLMPOP", "0", "1", "app:l", "RIGHT"},
        {"BZPOPMAX", "app:z", "0"},
        {"ZADD", "app:z", "1", "a", "2", "b"},
        {"ZMPOP", "1", "app:z", "MIN"},
        {"XREAD", "STREAMS", "app:x", "app:none", "0", "0"},
        {"XREADGROUP", "GROUP", "g", "c", "STREAMS", "app:x", ">"},
        {"XGROUP", "CREATE", "app:x", "g", "0"},
        {"XREADGROUP", "GROUP", "g", "c", "STREAMS", "app:x", ">"},
        {"XINFO", "GROUPS", "app:none"},
        {"BLPOP", "app:none", "0.01"},
        {"RENAME", "app:none", "app:k"},
        {"OBJECT", "ENCODING", "app:k"},
        {"COPY", "app:l", "app:copy"},
        {"LRANGE", "app:copy", "0", "-1"},
        {"MULTI"},
        {"LMPOP", "1", "app:l", "LEFT"},
        {"GET", "app:k"},
        {"XREAD", "STREAMS", "app:x", "0"},
        {"XREADGROUP", "GROUP", "no", "c", "STREAMS", "app:x", ">"},
        {"INCR", "app:h"},
        {"EXEC"}}},
      {"protocols",
       {{"HELLO", "3"},
        {"HGETALL", "app:h"},
        {"GET", "app:none"},
        {"BLPOP", "app:none", "0.01"},
        {"HELLO", "2"},
        {"HGETALL", "app:h"},
        {"GET", "app:none"},
        {"HELLO", "4"},
        {"HELLO"}}},
  };
  return kAll;
}

// The client's grant, without and with a namespace: it sees the same either way.
std::string rig_policy(bool renamed) {
  std::string policy = test::kRigPolicy;
  const std::string_view before = "    databases: [0, 1]\n";
  if (renamed) policy.insert(policy.find(before), "    namespace: \"tenant:\"\n");
  return policy;
}

class EveryLane : public testing::TestWithParam<std::tuple<int, bool>> {
 protected:
  EveryLane()
      : rig_({}, rig_policy(renamed())),
        direct_(rig_.redis().raw()),
        client_(rig_.client("alice", protocol())) {
    if (protocol() == 3) (void)direct_.call({"HELLO", "3"});
  }
  [[nodiscard]] static int protocol() { return std::get<0>(GetParam()); }
  [[nodiscard]] static bool renamed() { return std::get<1>(GetParam()); }
  // As Redis knows it.
  [[nodiscard]] static std::string name(const std::string& name) {
    return (renamed() ? "tenant:" : "") + name;
  }
  void prepare(bool renames) {
    RawClient admin = rig_.redis().raw();
    Script script = kPrepare;
    for (Request& request : script) {
      if (renames && request.size() > 1) request[1] = name(request[1]);
    }
    (void)converse(admin, script);
  }
  std::string expected(const Script& script) {
    prepare(false);
    const std::string answer = without_ids(converse(direct_, script));
    (void)direct_.call({"HELLO", std::to_string(protocol())});
    return answer;
  }
  std::string got(const Script& script) {
    prepare(true);
    const std::string answer = without_ids(converse(client_, script));
    (void)client_.call({"HELLO", std::to_string(protocol())});
    return answer;
  }
  ProxyRig rig_;
  RawClient direct_, client_;
};
INSTANTIATE_TEST_SUITE_P(Resp, EveryLane, testing::Combine(testing::Values(2, 3), testing::Bool()),
                         [](const auto& each) {
                           return "Resp" + std::to_string(std::get<0>(each.param)) +
                                  (std::get<1>(each.param) ? "Renamed" : "");
                         });

TEST_P(EveryLane, AnswersAsRedisDoes) {
  for (const Named& one : scripts()) EXPECT_EQ(got(one.script), expected(one.script)) << one.name;
}

TEST_P(EveryLane, KeepsProgramOrderAcrossAllLanesInOnePacket) {
  Script all;
  for (const Named& one : scripts()) {
    if (std::string_view(one.name) == "protocols") continue;
    all.insert(all.end(), one.script.begin(), one.script.end());
  }
  const std::string wanted = expected(all);
  for (int round = 0; round < 3; ++round) ASSERT_EQ(got(all), wanted);
}

TEST_P(EveryLane, RepliesInPiecesOfOneByteArriveRight) {
  for (const Named& one : scripts()) {
    const std::string wanted = expected(one.script);
    rig_.chaos().cut_replies_into(1);
    EXPECT_EQ(got(one.script), wanted) << one.name;
    rig_.chaos().cut_replies_into(0);
  }
}

TEST_P(EveryLane, RepliesCutAtEveryByteArriveRight) {
  for (const Named& one : scripts()) {
    const std::string_view name = one.name;
    if (name != "shared" && name != "lent" && name != "held" && name != "relay" && name != "names")
      continue;
    Script script = one.script;
    std::erase_if(script, [](const Request& request) { return request.back().starts_with("0.0"); });
    const std::string wanted = expected(script);
    for (std::size_t cut = 1; cut < wanted.size(); ++cut) {
      rig_.chaos().pause_after_reply_bytes(cut);
      ASSERT_EQ(got(script), wanted) << one.name << " cut after " << cut;
    }
  }
}

TEST_P(EveryLane, MessagesInPiecesArriveWholeAndInOrder) {
  ASSERT_NE(client_.call({"SUBSCRIBE", "app:news"}), "");
  ASSERT_NE(client_.call({"PSUBSCRIBE", "app:n*"}), "");
  RawClient publisher = rig_.client("bob");
  for (const std::size_t piece : {1U, 3U, 7U, 0U}) {
    rig_.chaos().cut_replies_into(piece);
    for (int number = 0; number < 20; ++number) {
      const std::string text = "\r\n$7\r\nmessage" + std::to_string(number);
      ASSERT_TRUE(publisher.send({"PUBLISH", "app:news", text}));
      const std::string type = protocol() == 3 ? ">" : "*";
      const std::string tail =
          "$8\r\napp:news\r\n$" + std::to_string(text.size()) + "\r\n" + text + "\r\n";
      EXPECT_EQ(client_.read_reply(), type + "3\r\n$7\r\nmessage\r\n" + tail);
      EXPECT_EQ(client_.read_reply(), type + "4\r\n$8\r\npmessage\r\n$6\r\napp:n*\r\n" + tail);
      EXPECT_EQ(publisher.read_reply(), ":2\r\n");
    }
  }
}

// An answer of Keyward's own, while a message is still arriving.
TEST_P(EveryLane, RefusalNeverLandsInsideAMessage) {
  ASSERT_NE(client_.call({"SUBSCRIBE", "app:news"}), "");
  const std::string text(300, 'x');
  for (const std::size_t cut : {1U, 5U, 12U, 40U, 60U, 200U}) {
    RawClient publisher = rig_.redis().raw();
    rig_.chaos().pause_after_reply_bytes(cut);
    rig_.chaos().hold_replies(true);
    ASSERT_EQ(publisher.call({"PUBLISH", name("app:news"), text}), ":1\r\n");
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
    rig_.chaos().cut_replies_into(cut);
    rig_.chaos().hold_replies(false);
    for (int i = 0; i < 8; ++i) {
      ASSERT_TRUE(client_.send({"SUBSCRIBE", "denied"}));
      std::this_thread::sleep_for(std::chrono::microseconds(300));
    }
    std::size_t messages = 0, refusals = 0;
    while (messages + refusals < 9) {
      const std::string one = client_.read_reply();
      ASSERT_NE(one, "") << "cut " << cut << ": not RESP any more";
      if (one.starts_with("-NOPERM")) {
        ++refusals;
      } else {
        ++messages;
        ASSERT_NE(one.find("message\r\n$8\r\napp:news\r\n$300\r\n" + text), std::string::npos)
            << one;
      }
    }
    EXPECT_EQ(messages, 1U);
    rig_.chaos().cut_replies_into(0);
  }
}

}  // namespace
}  // namespace keyward
