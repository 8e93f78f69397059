// What a command leaves for triggers, and that what it leaves is believed: for random commands.
#include "keyward/trigger/leavings.h"

#include "support/allocations.h"
#include "unit/policy/policy_folder.h"

#include "keyward/trigger/event.h"
#include "keyward/trigger/rule.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

namespace keyward::trigger {
namespace {

using Argv = std::vector<std::string>;
constexpr std::chrono::hours kDay{24};
const WallTime kNow{std::chrono::seconds(1'800'000'000)};

constexpr const char* kPolicy = R"(apiVersion: keyward/v1
team: shop
owners: [shop@example.com]
grants:
  - name: orders
    who: [{issuer: okta, groups: [orders]}]
    databases: [0, 1]
    allow: [{commands: ["@all", "-@dangerous"], keys: ["shop:*"], channels: ["shop:*"]}]
  - name: guests
    who: [{issuer: okta, groups: [guests]}]
    databases: [0, 1]
    allow: [{commands: ["@all", "-@dangerous"], keys: ["shop:*"], channels: ["shop:*"]}]
  - name: half
    who: [{issuer: okta, groups: [guests]}]
    allow: [{commands: [publish], channels: ["shop:half"]}]
triggers:
  - name: one
    source: {stream: "shop:orders", group: one}
    from: [orders]
    target: {kind: http, via: h}
    dead_letter: {stream: "shop:dead"}
  - name: two
    source: {stream: "shop:orders", group: two}
    from: [orders]
    target: {kind: http, via: h}
    dead_letter: {stream: "shop:dead"}
  - name: jobs
    source: {channel: "shop:jobs"}
    from: [orders]
    target: {kind: http, via: h}
    dead_letter: {stream: "shop:dead"}
  - name: timers
    source: {expired: "shop:timer:*"}
    from: [orders]
    target: {kind: http, via: h}
    dead_letter: {stream: "shop:dead"}
  - name: half
    source: {channel: "shop:half"}
    from: [half]
    target: {kind: http, via: h}
    dead_letter: {stream: "shop:dead"}
)";

// A judged command with the words that it points into.
struct Judged {
  explicit Judged(Argv words) : argv(std::move(words)), views(argv.begin(), argv.end()) {
    verdict = command::analyse(*command::Catalog::built_in(), views, command).verdict;
  }
  Judged(const Judged&) = delete;
  Judged& operator=(const Judged&) = delete;
  Argv argv;
  std::vector<std::string_view> views;
  command::Command command;
  command::Verdict verdict;
};

class LeavingsOf : public testing::Test {
 protected:
  LeavingsOf() {
    folder_.file("shop.yaml", kPolicy);
    const auto snapshot = folder_.load();
    EXPECT_NE(snapshot, nullptr) << folder_.said();
    grants_ = *snapshot->grants_for(policy::test::someone("alice", {"orders"}));
    guests_ = *snapshot->grants_for(policy::test::someone("bob", {"guests"}));
  }
  Leavings left(const Argv& argv, std::uint32_t db = 0) {
    const Judged judged(argv);
    EXPECT_EQ(judged.verdict, command::Verdict::ok) << argv[0];
    Leavings out;
    find_leavings(*grants_, judged.command, db, {}, out);
    return out;
  }
  // "set", "change", "" of the timer it leaves.
  std::string timer(const Argv& argv) {
    const Leavings out = left(argv);
    EXPECT_TRUE(out.field.empty());
    std::string said;
    for (const Leaving& each : out.beside) {
      EXPECT_EQ(each.kind, Leaving::Kind::timer);
      said += (said.empty() ? "" : " ") + std::string(each.asked ? "set " : "change ") + each.name;
    }
    return said;
  }
  policy::test::PolicyFolder folder_;
  // Rules that refuse a command of a guest, with a comma behind each.
  std::string refused(const Argv& argv, std::uint32_t db = 0) {
    const Judged judged(argv);
    Leavings out;
    find_leavings(*guests_, judged.command, db, {}, out);
    std::string said;
    for (const policy::Cause* cause : out.refused) said += cause->rule + ',';
    return said;
  }
  std::shared_ptr<const policy::Grants> grants_, guests_;
  AttestationKeys keys_{Secret("s3cret")};
};

TEST_F(LeavingsOf, XaddLeavesOneFieldForAllRulesOfItsStream) {
  EXPECT_EQ(left({"XADD", "shop:orders", "*", "a", "b"}).field, "orders");
  EXPECT_EQ(left({"xadd", "shop:orders", "*", "a", "b"}).field, "orders");
  EXPECT_TRUE(left({"XADD", "shop:orders", "*", "a", "b"}).beside.empty());
  EXPECT_TRUE(left({"XADD", "shop:orders", "*", "a", "b"}, 1).nothing());
  EXPECT_TRUE(left({"XADD", "shop:Orders", "*", "a", "b"}).nothing());
  EXPECT_TRUE(left({"DEL", "shop:orders"}).nothing());
  EXPECT_TRUE(left({"EVAL", "return 1", "1", "shop:orders"}).nothing());
}

TEST_F(LeavingsOf, PublishLeavesAnEvent) {
  const Leavings out = left({"PUBLISH", "shop:jobs", "hello"}, 1);
  ASSERT_EQ(out.beside.size(), 1U);
  EXPECT_EQ(out.beside[0].rule, "jobs");
  EXPECT_EQ(out.beside[0].message, "hello");
  EXPECT_TRUE(left({"PUBLISH", "shop:others", "hello"}).nothing());
  EXPECT_TRUE(left({"SPUBLISH", "shop:jobs", "hello"}).nothing());
}

TEST_F(LeavingsOf, EveryWriteOfATimersKeyIsFollowed) {
  const std::string key = "shop:timer:1";
  EXPECT_EQ(timer({"SET", key, "v", "EX", "10"}), "set " + key);
  EXPECT_EQ(timer({"EXPIRE", key, "10", "NX"}), "set " + key);
  EXPECT_EQ(timer({"GETEX", key, "PX", "10"}), "set " + key);
  for (const Argv& argv : std::vector<Argv>{{"SET", key, "v"},
                                            {"SET", key, "v", "EX", "0"},
                                            {"DEL", key},
                                            {"UNLINK", key},
                                            {"PERSIST", key},
                                            {"GETEX", key, "PERSIST"},
                                            {"GETDEL", key},
                                            {"GETSET", key, "v"},
                                            {"APPEND", key, "v"},
                                            {"LPUSH", key, "v"},
                                            {"SUNIONSTORE", key, "shop:a"},
                                            {"RENAME", "shop:a", key},
                                            {"RENAME", key, "shop:a"},
                                            {"MSET", "shop:a", "1", key, "2"}})
    EXPECT_EQ(timer(argv), "change " + key) << argv[0];
  EXPECT_EQ(timer({"DEL", "shop:timer:1", "shop:x", "shop:timer:2"}),
            "change shop:timer:1 change shop:timer:2");
  for (const Argv& argv : std::vector<Argv>{{"GET", key},
                                            {"TTL", key},
                                            {"SET", "shop:timers", "v", "EX", "10"},
                                            {"EVAL", "return 1", "1", key},
                                            {"BLPOP", key, "1"}})
    EXPECT_EQ(timer(argv), "") << argv[0];
  EXPECT_TRUE(left({"SET", key, "v", "EX", "10"}, 1).nothing());
}

TEST_F(LeavingsOf, TheRecordIsToldWhatItIsAttestedFor) {
  using testing::ElementsAre;
  using testing::IsEmpty;
  EXPECT_THAT(left({"XADD", "shop:orders", "*", "a", "b"}).attested, ElementsAre("one", "two"));
  EXPECT_THAT(left({"PUBLISH", "shop:jobs", "hello"}).attested, ElementsAre("jobs"));
  EXPECT_THAT(left({"SET", "shop:timer:1", "v", "EX", "5"}).attested, ElementsAre("timers"));
  EXPECT_THAT(left({"DEL", "shop:timer:1"}).attested, IsEmpty());
  EXPECT_THAT(left({"GET", "shop:orders"}).attested, IsEmpty());
}

TEST_F(LeavingsOf, WhatOthersWouldHaveCausedIsRefused) {
  EXPECT_EQ(refused({"PUBLISH", "shop:jobs", "hello"}), "jobs,");
  EXPECT_EQ(refused({"PUBLISH", "shop:jobs", "hello"}, 1), "jobs,");
  EXPECT_EQ(refused({"PUBLISH", "shop:other", "hello"}), "");
  EXPECT_EQ(refused({"SET", "shop:timer:1", "v", "EX", "5"}), "timers,");
  EXPECT_EQ(refused({"SET", "shop:timer:1", "v", "EX", "5"}, 1), "");
  EXPECT_EQ(refused({"EXPIRE", "shop:timer:1", "5"}), "timers,");
  EXPECT_EQ(refused({"SET", "shop:timer:1", "v"}), "");
  EXPECT_EQ(refused({"DEL", "shop:timer:1"}), "");
  EXPECT_EQ(refused({"XADD", "shop:orders", "*", "a", "b"}), "");
  EXPECT_EQ(refused({"PUBLISH", "shop:half", "x"}), "");
  // Of the guest's grants the other one permits it here.
  EXPECT_EQ(refused({"PUBLISH", "shop:half", "x"}, 1), "half,");
  EXPECT_THAT(left({"PUBLISH", "shop:half", "hello"}).refused, testing::SizeIs(1));
}

TEST_F(LeavingsOf, WhatIsRefusedAllocatesNothing) {
  const Judged publish({"PUBLISH", "shop:jobs", "hello"});
  const Judged timer({"SET", "shop:timer:1", "v", "EX", "5"});
  const Judged other({"SET", "shop:other", "v", "EX", "5"});
  Leavings out;
  find_leavings(*guests_, publish.command, 0, {}, out);
  const auto taken = test::allocations_of([&] {
    for (const Judged* one : {&publish, &timer, &other})
      find_leavings(*guests_, one->command, 0, {}, out);
  });
  EXPECT_EQ(taken.count, 0U);
}

// Of a large request only what stands before its value is there.
TEST_F(LeavingsOf, WhatMayLeaveSomethingIsKnownFromItsHead) {
  const auto may = [&](const Argv& head, std::size_t total) {
    const std::vector<std::string_view> views(head.begin(), head.end());
    command::Command command;
    const auto analysis = command::analyse_head(
        *command::Catalog::built_in(), views, {.total_args = total, .index = head.size()}, command);
    EXPECT_EQ(analysis.verdict, command::Verdict::ok) << analysis.text;
    return may_leave(*grants_, command, 0);
  };
  EXPECT_TRUE(may({"XADD", "shop:orders", "*", "a"}, 5));
  EXPECT_TRUE(may({"PUBLISH", "shop:jobs"}, 3));
  EXPECT_TRUE(may({"SET", "shop:timer:1"}, 5));
  EXPECT_FALSE(may({"XADD", "shop:other", "*", "a"}, 5));
  EXPECT_FALSE(may({"PUBLISH", "shop:other"}, 3));
  EXPECT_FALSE(may({"SET", "shop:other"}, 3));
}

TEST_F(LeavingsOf, AnOwnFieldOfTheNameIsAnObstacle) {
  const std::string field(kAttestationField);
  EXPECT_NE(obstacle(Judged({"XADD", "shop:orders", "*", "a", "b", field, "x"}).command), "");
  EXPECT_EQ(obstacle(Judged({"XADD", "shop:orders", "*", "a", field}).command), "");
  EXPECT_EQ(obstacle(Judged({"XADD", "shop:orders", "MAXLEN", "5", "*", field + "s", "b"}).command),
            "");
}

// Whatever options an XADD has and whatever its fields are called: the entry that Redis makes of it
// is believed, and no other.
TEST_F(LeavingsOf, TheFieldFitsTheEntryThatRedisMakes) {
  std::mt19937 random(3);  // NOLINT: the same cases every time
  const std::vector<Argv> options{{},
                                  {"NOMKSTREAM"},
                                  {"MAXLEN", "10"},
                                  {"MAXLEN", "=", "10"},
                                  {"maxlen", "~", "10", "LIMIT", "5"},
                                  {"MINID", "~", "10-1"},
                                  {"NOMKSTREAM", "MINID", "10"}};
  const Argv words{"maxlen", "*", "~", "LIMIT", "nomkstream", "", "a", "\r\n", "1-1"};
  const Signer signer{.keys = keys_, .principal = "okta:alice", .now = kNow};
  for (int round = 0; round < 5000; ++round) {
    Argv argv{"XADD", "shop:orders"};
    const Argv& chosen = options[random() % options.size()];
    argv.insert(argv.end(), chosen.begin(), chosen.end());
    argv.emplace_back(random() % 2 == 0 ? "*" : "5-5");
    std::vector<std::pair<std::string, std::string>> entry;
    for (auto fields = 1 + random() % 4; fields > 0; --fields) {
      entry.emplace_back(words[random() % words.size()], words[random() % words.size()]);
      argv.push_back(entry.back().first);
      argv.push_back(entry.back().second);
    }
    const Judged judged(argv);
    ASSERT_EQ(judged.verdict, command::Verdict::ok);
    Leavings out;
    find_leavings(*grants_, judged.command, 0, {}, out);
    ASSERT_EQ(out.field, "orders");
    entry.emplace_back(kAttestationField, field_of(signer, judged.command, out.field));
    std::vector<FieldView> views(entry.begin(), entry.end());
    const Verdict verdict = verify(keys_, "shop:orders", views, kNow, kDay);
    ASSERT_TRUE(verdict.who) << to_string(verdict.why);
    ASSERT_EQ(verdict.who->principal, "okta:alice");
    views.front().second = "other";
    ASSERT_FALSE(verify(keys_, "shop:orders", views, kNow, kDay).who);
  }
}

TEST_F(LeavingsOf, WhatIsLeftBesideIsBelievedOnTheRulesOwnStream) {
  const Signer signer{.keys = keys_, .principal = "okta:alice", .now = kNow};
  const auto event = requests_of(signer, left({"PUBLISH", "shop:jobs", "hello"}).beside[0]);
  ASSERT_EQ(event.size(), 1U);
  const RequestWords& xadd = event[0];
  ASSERT_EQ(xadd.size(), 9U);
  EXPECT_EQ(xadd[1], own_base("jobs") + "events");
  const FieldView fields[] = {{xadd[3], xadd[4]}, {xadd[5], xadd[6]}, {xadd[7], xadd[8]}};
  EXPECT_TRUE(verify(keys_, xadd[1], fields, kNow, kDay).who);
  EXPECT_FALSE(verify(keys_, own_base("timers") + "events", fields, kNow, kDay).who);

  const auto timer = requests_of(signer, left({"SETEX", "shop:timer:1", "60", "v"}).beside[0]);
  ASSERT_EQ(timer.size(), 2U);
  EXPECT_EQ(timer[0][2], "XX");
  const FieldView of_key[] = {{kKeyField, "shop:timer:1"}, {kAttestationField, timer[1].back()}};
  const std::string events = own_base("timers") + "events";
  EXPECT_EQ(verify(keys_, events, of_key, kNow, kDay).why, Unattested::early);
  const Verdict due = verify(keys_, events, of_key, kNow + std::chrono::seconds(60), kDay);
  ASSERT_TRUE(due.who);
  EXPECT_EQ(due.who->at, kNow);
  EXPECT_EQ(due.who->due, kNow + std::chrono::seconds(60));
  EXPECT_EQ(requests_of(signer, left({"DEL", "shop:timer:1"}).beside[0]).size(), 1U);
}

}  // namespace
}  // namespace keyward::trigger
