#include "unit/policy/policy_folder.h"

#include "keyward/policy/trigger_places.h"

#include <boost/json/serialize.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace keyward::policy::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using Kind = TriggerSource::Kind;

std::string file_with(const std::string& triggers) {
  return R"(apiVersion: keyward/v1
team: shop
grants:
  - name: producer
    who: [{issuer: okta, subject: "*"}]
    allow:
      - {commands: [xadd, set, publish], keys: ["shop:*"], channels: ["shop:*"]}
  - name: reader
    who: [{issuer: okta, subject: "*"}]
    allow: [{commands: [get], read: ["shop:*"]}]
  - name: looker
    who: [{issuer: okta, subject: "*"}]
    mode: observe
    allow: [{commands: [xadd], keys: ["shop:*"]}]
triggers:
)" + triggers;
}

constexpr const char* kOrders = R"(  - name: orders
    source: {stream: "shop:orders", group: flows}
    from: [producer]
    target:
      kind: step_functions
      via: aws
      state_machine: arn:aws:states:eu-west-1:123456789012:stateMachine:orders
      timeout: 5s
    input:
      order: "{{fields.order}}"
      body: "{{json fields.body}}"
      fixed: [1, true, "1", null, 2.5, plain]
    rate: 100
    concurrency: 4
    retry: {attempts: 3, first: 100ms, most: 2s}
    breaker: {failures: 2, pause: 1s}
    dead_letter: {stream: "shop:dead", keep: 50}
    max_age: 2h
)";

TEST(Triggers, AreReadWhole) {
  PolicyFolder folder;
  const auto snapshot = folder.file("shop.yaml", file_with(kOrders)).load();
  ASSERT_TRUE(snapshot) << folder.said();
  ASSERT_EQ(snapshot->triggers().size(), 1U);
  const TriggerRule& rule = snapshot->triggers()[0];
  EXPECT_EQ(rule.name, "orders");
  EXPECT_EQ(rule.team, "shop");
  EXPECT_EQ(rule.file, "shop.yaml");
  EXPECT_EQ(rule.line, 16);
  EXPECT_EQ(rule.source.kind, Kind::stream);
  EXPECT_EQ(rule.source.name, "shop:orders");
  EXPECT_EQ(rule.source.group, "flows");
  EXPECT_THAT(rule.from, ElementsAre("producer"));
  EXPECT_EQ(rule.target.kind, TargetKind::step_functions);
  EXPECT_EQ(rule.target.via, "aws");
  EXPECT_EQ(rule.target.timeout, std::chrono::seconds(5));
  EXPECT_EQ(boost::json::serialize(*rule.input),
            R"({"order":"{{fields.order}}","body":"{{json fields.body}}",)"
            R"("fixed":[1,true,"1",null,2.5E0,"plain"]})");
  EXPECT_EQ(rule.rate, 100U);
  EXPECT_EQ(rule.concurrency, 4U);
  EXPECT_EQ(rule.retry.attempts, 3U);
  EXPECT_EQ(rule.retry.most, std::chrono::seconds(2));
  EXPECT_EQ(rule.breaker.failures, 2U);
  EXPECT_EQ(rule.dead_letter.stream, "shop:dead");
  EXPECT_EQ(rule.dead_letter.most, 50U);
  EXPECT_EQ(rule.max_age, std::chrono::hours(2));
}

// One of every source and kind of target, as short as they can be.
TEST(Triggers, HaveDefaults) {
  PolicyFolder folder;
  const auto snapshot = folder
                            .file("shop.yaml", file_with(R"(
  - {name: a, source: {stream: "shop:a"}, from: [producer], dead_letter: {stream: "shop:dead"},
     target: {kind: event_bridge, via: aws, source: shop, detail_type: Order placed}}
  - {name: b, source: {channel: "shop:b"}, from: producer, dead_letter: {stream: "shop:dead"},
     target: {kind: http, via: hooks, path: "/a/b?c=d", mode: binary}}
  - {name: c, source: {expired: "shop:timer:*"}, from: [producer], dead_letter: {stream: "shop:dead"},
     target: {kind: airflow, via: airflow, dag: load}}
  - {name: d, source: {stream: "shop:a", group: second}, from: [producer], dead_letter: {stream: "shop:dead"},
     target: {kind: prefect, via: prefect, deployment: 8c0d7e6e-41a1-4f0c-a9a0-0b8f0b8f0b8f}}
  - {name: e, source: {stream: "shop:e"}, from: [producer], dead_letter: {stream: "shop:dead"},
     target: {kind: conductor, via: conductor, workflow: process_order, version: 2}}
)"))
                            .load();
  ASSERT_TRUE(snapshot) << folder.said();
  const auto& rules = snapshot->triggers();
  ASSERT_EQ(rules.size(), 5U);
  EXPECT_EQ(rules[0].source.group, "keyward");
  EXPECT_EQ(rules[0].target.resource, "default");
  EXPECT_FALSE(rules[0].input);
  EXPECT_EQ(rules[1].source.kind, Kind::channel);
  EXPECT_TRUE(rules[1].target.binary);
  EXPECT_EQ(rules[2].source.kind, Kind::expired);
  EXPECT_EQ(rules[2].target.api, "v2");
  EXPECT_EQ(rules[4].target.version, 2);
  EXPECT_EQ(rules[4].max_age, std::chrono::hours(24));
}

TEST(Triggers, TellAllErrorsAtOnceWithTheirPlaces) {
  PolicyFolder folder;
  EXPECT_FALSE(folder
                   .file("shop.yaml", file_with(R"(  - name: a
    source: {stream: "shop:*"}
    from: [produce, reader, looker]
    target: {kind: stepfunctions, via: aws}
    dead_letter: {stream: "other:dead"}
  - name: a
    source: {stream: "shop:a", channel: "shop:a"}
    from: []
    target: {kind: step_functions, via: aws, state_machine: orders, timeout: 5m}
    dead_letter: {stream: "keyward:fleet:x"}
    retry: {first: 1m, most: 1s}
  - name: b
    source: {expired: "*"}
    from: [producer]
    target: {kind: http, via: hooks, path: "/a/../b", mode: both}
    input: {x: "{{fields.a}}", y: "{{no", z: "a {{json key}}", w: "{{json key}}"}
    rat: 4
  - name: c
    source: {stream: "other:a"}
    from: [producer]
    target: {kind: airflow, via: af, dag: "a/b"}
    dead_letter: {stream: "shop:s"}
  - name: d
    source: {stream: "shop:s"}
    from: [reader]
    target: {kind: prefect, via: p, deployment: flow/name}
    dead_letter: {stream: "shop:dead"}
  - name: e
    source: {stream: "shop:s"}
    from: [producer]
    target: {kind: event_bridge, via: aws, source: aws.x, detail_type: y}
    dead_letter: {stream: "shop:dead"}
)"))
                   .load());
  const std::string said = folder.said();
  for (const char* expected : {
           "shop.yaml:17:22: this is one name and no pattern",
           "shop.yaml:18:12: this file has no grant 'produce'; write: producer",
           "shop.yaml:18:29: grant 'looker' only observes",
           "shop.yaml:19:20: unknown kind of target; write: step_functions",
           "shop.yaml:20:27: no grant of this team writes the key other:dead",
           "shop.yaml:21:5: trigger 'a' is already in shop.yaml:16",
           "a source is one of a stream, a channel and expiring keys",
           "`from` names no grant",
           "a state machine is named by its ARN; write: arn:aws:states:",
           "a timeout is 100ms to 60s",
           "names that begin with keyward: are Keyward's own",
           "`most` is shorter than `first`",
           "a path begins with / and has no",
           "unknown mode of CloudEvents",
           "{{fields.a}} is no place of an event of an expiry; there are id, name,",
           "a place that begins with {{ does not end with }}",
           "stand alone in a text",
           "rat",
           "`dead_letter` is required",
           "grant 'producer' cannot cause this event, in database 0",
           "the dead-letter stream is the source of a trigger, in shop.yaml:",
           "grant 'reader' cannot cause this event",
           "a deployment is named by its id",
           "group 'keyward' of this stream is already in shop.yaml:",
           "none of AWS's own",
       })
    EXPECT_TRUE(said.find(expected) != std::string::npos) << expected;
  EXPECT_THAT(said, Not(HasSubstr("{{json key}} ")));
}

TEST(Triggers, ReachOnlyWhatTheirTeamCan) {
  const auto with = [](const std::string& grant) {
    PolicyFolder folder;
    const bool loaded = folder
                            .file("t.yaml",
                                  "apiVersion: keyward/v1\nteam: t\ngrants:\n"
                                  "  - name: g\n    who: [{issuer: o, subject: \"*\"}]\n" +
                                      grant + R"(
triggers:
  - name: a
    source: {stream: "a:s"}
    from: [g]
    target: {kind: http, via: h}
    dead_letter: {stream: "a:d"}
)")
                            .load() != nullptr;
    return loaded ? "" : folder.said();
  };
  EXPECT_EQ(with("    allow: [{commands: [xadd], keys: [\"a:*\"]}]\n"), "");
  EXPECT_EQ(with("    allow: [{commands: [xadd], write: [\"a:*\"]}]\n"), "");
  EXPECT_EQ(with("    namespace: \"a:\"\n    allow: [{commands: [xadd], keys: [\"*\"]}]\n"), "");
  EXPECT_THAT(with("    namespace: \"b:\"\n    allow: [{commands: [xadd], keys: [\"a:*\"]}]\n"),
              HasSubstr("cannot cause"));
  EXPECT_THAT(with("    allow: [{commands: [xread], read: [\"a:*\"]}]\n"),
              HasSubstr("cannot cause"));
  EXPECT_THAT(with("    databases: [1]\n    allow: [{commands: [xadd], keys: [\"a:*\"]}]\n"),
              HasSubstr("cannot cause"));
  EXPECT_THAT(with("    allow: [{commands: [set], keys: [\"a:*\"]}]\n"), HasSubstr("cannot cause"));
}

TEST(InputPlaces, AreSplit) {
  const auto pieces = input_pieces("a {{ fields.b c }} {{base64 message}}", Kind::stream);
  ASSERT_FALSE(pieces);
  const auto good = input_pieces("a {{ fields.b c }}{{base64 fields.d}}z", Kind::stream);
  ASSERT_TRUE(good);
  ASSERT_EQ(good->size(), 4U);
  EXPECT_EQ((*good)[0].name, "a ");
  EXPECT_EQ((*good)[1].name, "fields.b c");
  EXPECT_EQ((*good)[2].form, InputPiece::Form::base64);
  EXPECT_EQ((*good)[3].name, "z");
  for (const char* wrong : {"{{", "{{}}", "{{fields.}}", "{{nothing}}", "x{{json id}}", "{{json}}",
                            "{{json fields}}", "{{xml id}}", "{{fields}}x"})
    EXPECT_FALSE(input_pieces(wrong, Kind::stream)) << wrong;
  for (const char* right : {"", "}}", "{", "{{json id}}", "{{fields}}", "{{number fields.n}}"})
    EXPECT_TRUE(input_pieces(right, Kind::stream)) << right;
}

}  // namespace
}  // namespace keyward::policy::test
