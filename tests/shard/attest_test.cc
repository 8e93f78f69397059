// Attested publishers through a whole Keyward and a real Redis: what passes to a trigger's source
// carries who caused it, clients see Redis's answers, and nothing else can be believed.
#include "support/proxy_rig.h"

#include "keyward/trigger/attestation.h"
#include "keyward/trigger/rule.h"
#include "keyward/trigger/timers.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

namespace keyward {
namespace {

using namespace std::chrono_literals;
using test::eventually;
using test::Hiredis;
using test::ProxyRig;
using test::RawClient;
using trigger::Unattested;

constexpr const char* kPolicy = R"(apiVersion: keyward/v1
team: shop
owners: [shop@example.com]
grants:
  - name: orders
    who: [{issuer: dev, groups: [workers]}]
    databases: [0, 1]
    allow:
      - commands: ["@read", "@write", "@blocking", "@transaction", eval, "-@dangerous"]
        keys: ["shop:*"]
      - commands: [publish, subscribe, unsubscribe, psubscribe, punsubscribe]
        channels: ["shop:*"]
  - name: spaced
    who: [{issuer: dev, groups: [spaced]}]
    namespace: "shop:"
    allow:
      - commands: [xadd, xrange, set, del, "@transaction"]
        keys: ["*"]
      - {commands: [publish], channels: ["*"]}
  - name: short
    who: [{issuer: dev, groups: [short]}]
    ttl: {apply: 100s}
    allow:
      - {commands: [set, setnx, del, xadd], keys: ["shop:*"]}
  - name: guest
    who: [{issuer: dev, groups: [guests]}]
    allow:
      - {commands: ["@write", "@read"], keys: ["shop:*"]}
      - {commands: [publish], channels: ["shop:*"]}
triggers:
  - name: orders
    source: {stream: "shop:orders"}
    from: [orders, spaced, short]
    target: {kind: http, via: h}
    dead_letter: {stream: "shop:dead"}
  - name: jobs
    source: {channel: "shop:jobs"}
    from: [orders, spaced]
    target: {kind: http, via: h}
    dead_letter: {stream: "shop:dead"}
  - name: timers
    source: {expired: "shop:timer:*"}
    from: [orders, spaced, short]
    target: {kind: http, via: h}
    dead_letter: {stream: "shop:dead"}
)";

struct Entry {
  std::string id;
  std::vector<std::pair<std::string, std::string>> fields;
};

class Attest : public testing::Test {
 protected:
  ProxyRig& rig() {
    if (!rig_) {
      rig_ = std::make_unique<ProxyRig>(
          [](server::Config& config) {
            config.fleet.secret = [] { return Result<Secret>(Secret("fleet")); };
          },
          kPolicy);
    }
    return *rig_;
  }
  RawClient client(const std::string& group = "workers", int protocol = 2) {
    return rig().client("alice", protocol, group);
  }
  std::vector<Entry> entries(const std::string& stream) {
    Hiredis redis(rig().redis().port());
    const test::Reply all = redis.call({"XRANGE", stream, "-", "+"});
    std::vector<Entry> out;
    for (std::size_t i = 0; all && i < all->elements; ++i) {
      const redisReply& one = *all->element[i];
      Entry entry{text(*one.element[0]), {}};
      const redisReply& fields = *one.element[1];
      for (std::size_t at = 0; at + 1 < fields.elements; at += 2)
        entry.fields.emplace_back(text(*fields.element[at]), text(*fields.element[at + 1]));
      out.push_back(std::move(entry));
    }
    return out;
  }
  std::string events(const std::string& rule) { return trigger::own_base(rule) + "events"; }
  trigger::Verdict judged(const std::string& stream, const Entry& entry) {
    const std::vector<trigger::FieldView> fields(entry.fields.begin(), entry.fields.end());
    return trigger::verify(trigger::AttestationKeys(Secret("fleet")), stream, fields,
                           SystemClock().wall(), 1h);
  }
  std::string at_redis(std::initializer_list<std::string_view> args) {
    return rig().redis().raw().call(args);
  }
  // Milliseconds until the timer of that key is due; 0 = it has none.
  long due_in(const std::string& key) {
    Hiredis redis(rig().redis().port());
    const test::Reply score = redis.call({"ZSCORE", trigger::due_key("timers"), key});
    const test::Reply kept = redis.call({"HEXISTS", trigger::timers_key("timers"), key});
    const bool there = score && score->type == REDIS_REPLY_STRING;
    EXPECT_EQ(there, kept && kept->integer == 1) << key;
    if (!there) return 0;
    const auto now = std::chrono::duration_cast<std::chrono::milliseconds>(
        std::chrono::system_clock::now().time_since_epoch());
    return static_cast<long>(std::stod(score->str)) - static_cast<long>(now.count());
  }
  void expect_due(const std::string& key, long seconds) {
    const long in = due_in(key);
    EXPECT_GT(in, seconds * 1000 - 5000) << key;
    EXPECT_LE(in, seconds * 1000 + 100) << key;
  }
  static std::string text(const redisReply& reply) { return {reply.str, reply.len}; }

 private:
  std::unique_ptr<ProxyRig> rig_;
};

TEST_F(Attest, XaddToASourceCarriesWhoCausedIt) {
  RawClient alice = client();
  const std::string id = alice.call({"XADD", "shop:orders", "MAXLEN", "~", "1000", "LIMIT", "0",
                                     "*", "id", "1", "total", "9.90"});
  EXPECT_TRUE(id.starts_with("$")) << id;
  EXPECT_EQ(alice.call({"XADD", "shop:orders", "9999999999999-1", "maxlen", "5"}),
            "$15\r\n9999999999999-1\r\n");
  const auto all = entries("shop:orders");
  ASSERT_EQ(all.size(), 2U);
  EXPECT_EQ(all[0].fields.size(), 3U);
  EXPECT_EQ(all[0].fields[0].second, "1");
  EXPECT_EQ(all[1].fields[0].first, "maxlen");
  for (const Entry& entry : all) {
    const auto verdict = judged("shop:orders", entry);
    ASSERT_TRUE(verdict.who) << trigger::to_string(verdict.why);
    EXPECT_EQ(verdict.who->principal, "dev:alice");
    EXPECT_EQ(verdict.who->grant, "orders");
  }
}

TEST_F(Attest, OtherStreamsDatabasesAndIdentitiesGoAsTheyAre) {
  RawClient alice = client(), guest = client("guests");
  (void)alice.call({"XADD", "shop:other", "*", "a", "b"});
  (void)guest.call({"XADD", "shop:orders", "*", "a", "b"});
  (void)alice.call(
      {"EVAL", "return redis.call('XADD', KEYS[1], '*', 'a', 'b')", "1", "shop:orders"});
  (void)alice.call({"SELECT", "1"});
  (void)alice.call({"XADD", "shop:orders", "*", "a", "b"});
  EXPECT_EQ(entries("shop:other")[0].fields.size(), 1U);
  const auto all = entries("shop:orders");
  ASSERT_EQ(all.size(), 2U);
  for (const Entry& entry : all) EXPECT_EQ(judged("shop:orders", entry).why, Unattested::absent);
}

TEST_F(Attest, CopiesAlterationsAndForgeriesAreRefused) {
  RawClient alice = client(), guest = client("guests");
  (void)alice.call({"XADD", "shop:orders", "*", "id", "1"});
  const Entry good = entries("shop:orders").at(0);
  const std::string proof = good.fields.back().second;
  // A guest that read it sends it with other fields, to another stream, and with a word changed.
  (void)guest.call({"XADD", "shop:orders", "*", "id", "2", "keyward-attestation", proof});
  (void)guest.call({"XADD", "shop:other", "*", "id", "1", "keyward-attestation", proof});
  std::string other = proof;
  other.replace(other.find("dev:alice"), 9, "dev:admin");
  (void)guest.call({"XADD", "shop:orders", "*", "id", "1", "keyward-attestation", other});
  (void)guest.call({"XADD", "shop:orders", "*", "id", "1", "keyward-attestation", "1"});
  const auto all = entries("shop:orders");
  EXPECT_EQ(judged("shop:orders", all.at(1)).why, Unattested::forged);
  EXPECT_EQ(judged("shop:orders", all.at(2)).why, Unattested::forged);
  EXPECT_EQ(judged("shop:orders", all.at(3)).why, Unattested::malformed);
  EXPECT_EQ(judged("shop:other", entries("shop:other").at(0)).why, Unattested::forged);
  // A whole copy is told by its nonce alone.
  (void)guest.call({"XADD", "shop:orders", "*", "id", "1", "keyward-attestation", proof});
  const auto copy = judged("shop:orders", entries("shop:orders").at(4));
  ASSERT_TRUE(copy.who);
  EXPECT_EQ(copy.who->nonce, judged("shop:orders", good).who->nonce);
  // Whoever may cause it does not write the field himself.
  EXPECT_TRUE(alice.call({"XADD", "shop:orders", "*", "keyward-attestation", proof})
                  .starts_with("-ERR the field 'keyward-attestation'"));
  EXPECT_EQ(entries("shop:orders").size(), 5U);
}

TEST_F(Attest, RedisAnswersWhatIsWrong) {
  RawClient alice = client();
  EXPECT_EQ(alice.call({"XADD", "shop:orders", "*", "a"}),
            "-ERR wrong number of arguments for 'xadd' command\r\n");
  EXPECT_EQ(alice.call({"XADD", "shop:orders", "0-0", "a", "b"}),
            "-ERR The ID specified in XADD must be greater than 0-0\r\n");
  EXPECT_EQ(alice.call({"XADD", "shop:orders", "NOMKSTREAM", "*", "a", "b"}), "$-1\r\n");
  (void)alice.call({"SET", "shop:orders", "x"});
  EXPECT_TRUE(alice.call({"XADD", "shop:orders", "*", "a", "b"}).starts_with("-WRONGTYPE"));
  EXPECT_EQ(alice.call({"EXPIRE", "shop:timer:none", "x"}),
            "-ERR value is not an integer or out of range\r\n");
  EXPECT_EQ(due_in("shop:timer:none"), 0);
}

TEST_F(Attest, BareNamesOfANamespaceAreTheSameSource) {
  RawClient spaced = client("spaced");
  EXPECT_TRUE(spaced.call({"XADD", "orders", "*", "id", "1"}).starts_with("$"));
  EXPECT_EQ(spaced.call({"PUBLISH", "jobs", "hello"}), ":0\r\n");
  EXPECT_EQ(spaced.call({"SET", "timer:1", "x", "EX", "100"}), "+OK\r\n");
  const auto verdict = judged("shop:orders", entries("shop:orders").at(0));
  ASSERT_TRUE(verdict.who);
  EXPECT_EQ(verdict.who->grant, "spaced");
  EXPECT_TRUE(judged(events("jobs"), entries(events("jobs")).at(0)).who);
  expect_due("shop:timer:1", 100);
}

TEST_F(Attest, APublishLeavesAnEventInOneStep) {
  RawClient alice = client(), subscriber = client("workers", 3);
  (void)subscriber.call({"SUBSCRIBE", "shop:jobs"});
  EXPECT_EQ(alice.call({"PUBLISH", "shop:jobs", "hello"}), ":1\r\n");
  EXPECT_EQ(subscriber.read_reply(), ">3\r\n$7\r\nmessage\r\n$9\r\nshop:jobs\r\n$5\r\nhello\r\n");
  EXPECT_EQ(alice.call({"PUBLISH", "shop:others", "hello"}), ":0\r\n");
  (void)alice.call({"SELECT", "1"});
  EXPECT_EQ(alice.call({"PUBLISH", "shop:jobs", "from 1"}), ":1\r\n");
  // A subscriber of RESP3 may publish as well, and one who watches.
  EXPECT_EQ(subscriber.read_reply().substr(0, 4), ">3\r\n");
  EXPECT_TRUE(subscriber.send({"PUBLISH", "shop:jobs", "own"}));
  const std::string one = subscriber.read_reply(), two = subscriber.read_reply();
  EXPECT_TRUE(one == ":1\r\n" || two == ":1\r\n") << one << two;
  RawClient watcher = client();
  EXPECT_EQ(watcher.call({"WATCH", "shop:x"}), "+OK\r\n");
  EXPECT_EQ(watcher.call({"PUBLISH", "shop:jobs", "w"}), ":1\r\n");
  const auto all = entries(events("jobs"));
  ASSERT_EQ(all.size(), 4U);
  for (const Entry& entry : all) {
    ASSERT_EQ(entry.fields.size(), 3U);
    EXPECT_EQ(entry.fields[0], std::make_pair(std::string("channel"), std::string("shop:jobs")));
    EXPECT_TRUE(judged(events("jobs"), entry).who);
  }
  EXPECT_EQ(all[0].fields[1].second, "hello");
  EXPECT_EQ(all[1].fields[1].second, "from 1");
}

TEST_F(Attest, TransactionsLeaveTheSame) {
  RawClient alice = client();
  alice.send({"MULTI"});
  alice.send({"XADD", "shop:orders", "1-1", "id", "1"});
  alice.send({"PUBLISH", "shop:jobs", "hello"});
  alice.send({"SET", "shop:timer:1", "x", "EX", "100"});
  alice.send({"SET", "shop:timer:2", "x", "EX", "100"});
  alice.send({"XADD", "shop:orders", "1-2", "id", "2"});
  alice.send({"DEL", "shop:timer:2"});
  alice.send({"GET", "shop:timer:1"});
  EXPECT_EQ(alice.read_reply(), "+OK\r\n");
  for (int i = 0; i < 7; ++i) EXPECT_EQ(alice.read_reply(), "+QUEUED\r\n");
  EXPECT_EQ(alice.call({"EXEC"}),
            "*7\r\n$3\r\n1-1\r\n:0\r\n+OK\r\n+OK\r\n$3\r\n1-2\r\n:1\r\n$1\r\nx\r\n");
  const auto orders = entries("shop:orders");
  ASSERT_EQ(orders.size(), 2U);
  for (const Entry& entry : orders) EXPECT_TRUE(judged("shop:orders", entry).who);
  EXPECT_EQ(entries(events("jobs")).size(), 1U);
  expect_due("shop:timer:1", 100);
  EXPECT_EQ(due_in("shop:timer:2"), 0);
  // What does not run leaves nothing.
  (void)alice.call({"MULTI"});
  (void)alice.call({"PUBLISH", "shop:jobs", "never"});
  EXPECT_EQ(alice.call({"DISCARD"}), "+OK\r\n");
  EXPECT_EQ(alice.call({"WATCH", "shop:x"}), "+OK\r\n");
  EXPECT_EQ(at_redis({"SET", "shop:x", "1"}), "+OK\r\n");
  (void)alice.call({"MULTI"});
  (void)alice.call({"PUBLISH", "shop:jobs", "never"});
  EXPECT_EQ(alice.call({"EXEC"}), "*-1\r\n");
  EXPECT_EQ(entries(events("jobs")).size(), 1U);
  // Elsewhere than in database 0 the event could not be written in the same step.
  (void)alice.call({"SELECT", "1"});
  (void)alice.call({"MULTI"});
  EXPECT_TRUE(alice.call({"PUBLISH", "shop:jobs", "x"}).starts_with("-ERR inside MULTI"));
  EXPECT_TRUE(alice.call({"EXEC"}).starts_with("-EXECABORT"));
}

TEST_F(Attest, TimersFollowTheExpiryOfTheirKeys) {
  RawClient alice = client();
  const std::string key = "shop:timer:1";
  const auto now = std::chrono::duration_cast<std::chrono::seconds>(
                       std::chrono::system_clock::now().time_since_epoch())
                       .count();
  const auto sets = [&](std::initializer_list<std::string_view> command, long seconds,
                        const char* answer) {
    EXPECT_EQ(alice.call(command), answer);
    if (seconds == 0) {
      EXPECT_EQ(due_in(key), 0) << *(command.begin());
    } else {
      expect_due(key, seconds);
    }
  };
  sets({"SET", key, "x", "EX", "100"}, 100, "+OK\r\n");
  sets({"SET", key, "x", "NX", "EX", "900"}, 100, "$-1\r\n");
  sets({"APPEND", key, "y"}, 100, ":2\r\n");
  sets({"SET", key, "x", "KEEPTTL"}, 100, "+OK\r\n");
  sets({"EXPIRE", key, "200"}, 200, ":1\r\n");
  sets({"EXPIRE", key, "100", "GT"}, 200, ":0\r\n");
  sets({"EXPIRE", key, "300", "GT"}, 300, ":1\r\n");
  sets({"PEXPIRE", key, "400000"}, 400, ":1\r\n");
  sets({"EXPIREAT", key, std::to_string(now + 500)}, 500, ":1\r\n");
  sets({"EXPIREAT", key, std::to_string(now + 100), "NX"}, 500, ":0\r\n");
  sets({"GETEX", key, "EX", "600"}, 600, "$1\r\nx\r\n");
  sets({"PERSIST", key}, 0, ":1\r\n");
  sets({"SETEX", key, "100", "x"}, 100, "+OK\r\n");
  sets({"PSETEX", key, "200000", "x"}, 200, "+OK\r\n");
  sets({"SET", key, "x"}, 0, "+OK\r\n");
  sets({"SET", key, "x", "PXAT", std::to_string((now + 100) * 1000)}, 100, "+OK\r\n");
  sets({"DEL", key}, 0, ":1\r\n");
  sets({"EXPIRE", key, "100"}, 0, ":0\r\n");
  sets({"SET", key, "x", "EX", "100"}, 100, "+OK\r\n");
  sets({"RENAME", key, "shop:timer:2"}, 0, "+OK\r\n");
  EXPECT_EQ(due_in("shop:timer:2"), 0);
  sets({"SET", key, "x", "EX", "100"}, 100, "+OK\r\n");
  sets({"EXPIRE", key, "-1"}, 0, ":1\r\n");
  sets({"SET", key, "x", "EX", "100"}, 100, "+OK\r\n");
  sets({"GETDEL", key}, 0, "$1\r\nx\r\n");
}

// Whatever one who may cause it does to the keys, alone or in transactions: a key has a timer
// exactly when Redis lets it expire, and at that time.
TEST_F(Attest, RandomCommandsLeaveATimerForEachKeyThatExpires) {
  RawClient alice = client();
  std::mt19937 random(5);  // NOLINT: the same cases every time
  const std::vector<std::string> keys{"shop:timer:a", "shop:timer:b", "shop:timer:c"};
  const auto one = [&]() -> std::vector<std::string> {
    const std::string& key = keys[random() % keys.size()];
    const std::string life = std::to_string(1000 * (1 + random() % 5));
    const auto now = std::chrono::duration_cast<std::chrono::seconds>(
                         std::chrono::system_clock::now().time_since_epoch())
                         .count();
    const std::string end = std::to_string(now + std::stol(life));
    const std::vector<std::vector<std::string>> all{
        {"SET", key, "v", "EX", life},
        {"SET", key, "v", "EXAT", end, "NX"},
        {"SET", key, "v", "XX", "GET", "PX", life + "000"},
        {"SET", key, "v"},
        {"SET", key, "v", "KEEPTTL"},
        {"SETEX", key, life, "v"},
        {"SETNX", key, "v"},
        {"GETEX", key, "EX", life},
        {"GETEX", key, "PERSIST"},
        {"GETDEL", key},
        {"GETSET", key, "v"},
        {"EXPIRE", key, life},
        {"EXPIRE", key, life, "NX"},
        {"EXPIRE", key, life, "XX"},
        {"PEXPIRE", key, life + "000", "GT"},
        {"EXPIREAT", key, end, "LT"},
        {"EXPIRE", key, "-1"},
        {"PERSIST", key},
        {"DEL", key, keys[0]},
        {"UNLINK", key},
        {"MSET", key, "v", keys[1], "v"},
        {"APPEND", key, "v"},
        {"RENAME", key, "shop:other"},
    };
    return all[random() % all.size()];
  };
  const auto send = [&](const std::vector<std::string>& words) {
    std::string out;
    resp::write_request(out, std::vector<std::string_view>(words.begin(), words.end()));
    ASSERT_TRUE(alice.send(out));
  };
  for (int round = 0; round < 600; ++round) {
    const auto commands = random() % 4 == 0 ? 1 + random() % 5 : 1;
    std::string said;
    if (commands > 1) send({"MULTI"});
    for (std::size_t i = 0; i < commands; ++i) {
      const auto words = one();
      for (const std::string& word : words) said += word + ' ';
      send(words);
    }
    if (commands > 1) send({"EXEC"});
    for (std::size_t i = 0; i < (commands > 1 ? commands + 2 : 1); ++i) said += alice.read_reply();
    for (const std::string& key : keys) {
      const std::string left = at_redis({"PTTL", key});
      const long life = std::max(0L, std::stol(left.substr(1)));
      ASSERT_NEAR(static_cast<double>(due_in(key)), static_cast<double>(life), 1500.0)
          << key << " after " << said;
    }
  }
}

TEST_F(Attest, OnlyWhoMayCauseItSetsAndCancelsATimer) {
  RawClient alice = client(), guest = client("guests");
  (void)guest.call({"SET", "shop:timer:g", "x", "EX", "100"});
  EXPECT_EQ(due_in("shop:timer:g"), 0);
  (void)alice.call({"SET", "shop:timer:1", "x", "EX", "100"});
  EXPECT_EQ(guest.call({"DEL", "shop:timer:1"}), ":1\r\n");
  expect_due("shop:timer:1", 100);
  // An expiry that its grant adds is one as well.
  RawClient brief = client("short");
  EXPECT_EQ(brief.call({"SET", "shop:timer:s", "x"}), "+OK\r\n");
  EXPECT_EQ(brief.call({"SETNX", "shop:timer:t", "x"}), ":1\r\n");
  expect_due("shop:timer:s", 100);
  expect_due("shop:timer:t", 100);
  EXPECT_TRUE(brief.call({"XADD", "shop:orders", "*", "a", "b"}).starts_with("$"));
  EXPECT_TRUE(judged("shop:orders", entries("shop:orders").at(0)).who);
}

TEST_F(Attest, DueTimersBecomeEventsOnce) {
  RawClient alice = client();
  (void)alice.call({"SET", "shop:timer:1", "x", "PX", "30"});
  (void)alice.call({"SET", "shop:timer:2", "x", "EX", "100"});
  ASSERT_TRUE(eventually([&] { return at_redis({"EXISTS", "shop:timer:1"}) == ":0\r\n"; }));
  // Somebody around Keyward brings one forward and adds another.
  (void)at_redis({"ZADD", trigger::due_key("timers"), "1", "shop:timer:2"});
  (void)at_redis({"ZADD", trigger::due_key("timers"), "1", "shop:timer:3"});
  Hiredis redis(rig().redis().port());
  for (int i = 0; i < 2; ++i)
    (void)redis.call(trigger::sweep_request("timers", SystemClock().wall(), 100));
  const auto all = entries(events("timers"));
  ASSERT_EQ(all.size(), 2U);
  for (const Entry& entry : all) {
    if (entry.fields.at(0).second == "shop:timer:1") {
      EXPECT_TRUE(judged(events("timers"), entry).who);
    } else {
      EXPECT_EQ(entry.fields.at(0).second, "shop:timer:3");
      EXPECT_EQ(judged(events("timers"), entry).why, Unattested::absent);
    }
  }
  EXPECT_EQ(due_in("shop:timer:1"), 0);
  expect_due("shop:timer:2", 100);
}

TEST_F(Attest, NoCommandOfAClientNamesWhatLiesBesideARule) {
  RawClient alice = client();
  for (const std::string& key : {events("jobs"), trigger::due_key("timers")}) {
    EXPECT_TRUE(alice.call({"DEL", key}).starts_with("-NOPERM"));
    EXPECT_TRUE(alice.call({"XADD", key, "*", "a", "b"}).starts_with("-NOPERM"));
    EXPECT_TRUE(
        alice.call({"EVAL", "return redis.call('GET', KEYS[1])", "1", key}).starts_with("-NOPERM"));
    EXPECT_TRUE(
        alice.call({"EVAL", "return redis.call('TYPE', '" + key + "')", "0"}).starts_with("-"));
  }
}

TEST_F(Attest, LargeOnesAreRefusedAndTheClientGoesOn) {
  RawClient alice = client();
  const std::string large(300UL * 1024, 'x');
  EXPECT_TRUE(alice.call({"XADD", "shop:orders", "*", "a", large}).starts_with("-ERR what causes"));
  EXPECT_TRUE(alice.call({"PUBLISH", "shop:jobs", large}).starts_with("-ERR what causes"));
  EXPECT_TRUE(
      alice.call({"SET", "shop:timer:1", large, "EX", "9"}).starts_with("-ERR what causes"));
  EXPECT_TRUE(alice.call({"XADD", "shop:other", "*", "a", large}).starts_with("$"));
  EXPECT_TRUE(alice.call({"XADD", "shop:orders", "*", "a", "b"}).starts_with("$"));
  EXPECT_EQ(entries("shop:orders").size(), 1U);
}

TEST_F(Attest, NothingIsHalfDoneWhenRedisHasNoMemory) {
  RawClient alice = client();
  (void)alice.call({"SET", "shop:timer:1", "x"});
  (void)at_redis({"CONFIG", "SET", "maxmemory", "1"});
  EXPECT_TRUE(alice.call({"EXPIRE", "shop:timer:1", "100"}).starts_with("-OOM"));
  EXPECT_TRUE(alice.call({"PUBLISH", "shop:jobs", "x"}).starts_with("-OOM"));
  (void)at_redis({"CONFIG", "SET", "maxmemory", "0"});
  EXPECT_EQ(at_redis({"TTL", "shop:timer:1"}), ":-1\r\n");
  EXPECT_EQ(due_in("shop:timer:1"), 0);
  EXPECT_EQ(alice.call({"EXPIRE", "shop:timer:1", "100"}), ":1\r\n");
  expect_due("shop:timer:1", 100);
}

}  // namespace
}  // namespace keyward
