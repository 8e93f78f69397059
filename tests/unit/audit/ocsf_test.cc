#include "audit/ocsf.h"

#include "audit/chain.h"
#include "audit/checkpoint.h"
#include "audit/data_record.h"
#include "audit/place.h"
#include "audit/previous_run.h"
#include "audit/subject_json.h"
#include "unit/audit/sample.h"

#include "keyward/audit/json_text.h"
#include "keyward/audit/line_head.h"
#include "keyward/base/hash.h"

#include <boost/json.hpp>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <numeric>

namespace keyward::audit {
namespace {

using test::sample_subject;
using test::SampleDenial;
using test::SampleRequest;
using test::SampleSet;

const WallTime kNow(std::chrono::microseconds(1'800'000'000'123'456));

RecordPlace place_at(std::uint64_t sequence, WallTime time, WallTime clock) {
  return {Digits(sequence), view(kNoHash), Digits(microseconds(time)), Digits(microseconds(clock))};
}

// One event, whichever of the two writers makes its record.
std::string line_of(const Event& event, std::string_view extra = {},
                    const RecordPlace& place = place_at(12, kNow, kNow)) {
  static const OcsfWriter writer("kw-1", "shard-0", "sessions");
  static const DataRecords data("kw-1", "shard-0", "sessions");
  std::string line;
  append_filled(line, kLineLimit, [&](char* at) {
    if (!about_data(event.kind)) return writer.write(at, event, place, extra);
    const Subject nobody;
    const Opening opening =
        data.open(event.subject == nullptr ? nobody : *event.subject, event.db, 1);
    return data.write(at, event, place, opening);
  });
  return line;
}

boost::json::value parse(const std::string& line) { return boost::json::parse(line); }

// The product's version is the only part of a record that a release changes.
std::string without_version(std::string line) {
  const std::string version = "\"version\":\"" KEYWARD_VERSION "\"";
  for (auto at = line.find(version); at != std::string::npos; at = line.find(version)) {
    line.replace(at, version.size(), "\"version\":\"@VERSION@\"");
  }
  return line;
}

// Compares with tests/golden/audit/<name>.json; KEYWARD_UPDATE_GOLDEN=1 writes it.
void expect_golden(const std::string& name, const Event& event, std::string_view extra = {}) {
  const std::string line = line_of(event, extra);
  ASSERT_NO_THROW(static_cast<void>(parse(line))) << line;
  const std::string path =
      std::string(KEYWARD_SOURCE_DIR) + "/tests/golden/audit/" + name + ".json";
  if (std::getenv("KEYWARD_UPDATE_GOLDEN") != nullptr)
    test::write_file(path, without_version(line) + "\n");
  EXPECT_EQ(without_version(line) + "\n", test::read_file(path)) << name;
}

Event of(Kind kind, Outcome outcome, const Subject* subject) {
  Event event;
  event.kind = kind;
  event.outcome = outcome;
  event.subject = subject;
  return event;
}

TEST(OcsfGolden, Sessions) {
  const Subject subject = sample_subject();
  expect_golden("login", of(Kind::login, Outcome::ok, &subject));
  Event ended = of(Kind::session_end, Outcome::ok, &subject);
  ended.reason = "token expired";
  expect_golden("session_end", ended);
  expect_golden("session", of(Kind::session, Outcome::ok, &subject));
  Subject stranger;
  stranger.source_ip = "::ffff:192.0.2.7";
  stranger.source_port = 4001;
  stranger.auth_protocol = "aws-sts";
  Event refused = of(Kind::login_refused, Outcome::denied, &stranger);
  refused.reason = "the token's audience is not this proxy";
  refused.request_id = "r-1f";
  expect_golden("login_refused", refused);
}

TEST(OcsfGolden, Commands) {
  const Subject subject = sample_subject();
  const SampleSet set;
  expect_golden("command_ok", set.event(&subject));

  const SampleRequest lpush("lpush", {"LPUSH", "celery", "task body"}, 1, true);
  Event push = set.event(&subject);
  push.request = lpush.text();
  push.has_affected = true;
  push.affected = 3;
  push.multi_id = 9;
  push.db = 2;
  push.node = "127.0.0.1:6380";
  expect_golden("command_affected", push);

  Event failed = set.event(&subject);
  failed.outcome = Outcome::error;
  failed.error_class = "WRONGTYPE";
  expect_golden("command_error", failed);

  Event lost = set.event(&subject);
  lost.outcome = Outcome::unknown;
  lost.latency_us = -1;
  lost.reason = "the upstream connection broke after the command was sent";
  expect_golden("command_unknown", lost);

  Event aborted = set.event(&subject);
  aborted.outcome = Outcome::not_executed;
  aborted.reason = "EXECABORT";
  expect_golden("command_not_executed", aborted);

  const std::vector<std::string_view> args{"EVAL", "return redis.call('GET', KEYS[1])", "1",
                                           "airflow:k", "secret"};
  const std::vector<std::uint32_t> keys{3};
  RequestText script;
  RequestPrinter().print({.command = "eval", .args = args, .keys = keys, .writes = true}, script);
  Event eval = set.event(&subject);
  eval.request = &script;
  expect_golden("command_eval", eval);

  const SampleRequest config("config|set", {"CONFIG", "SET", "save", "60 1"}, 0, false);
  Event other = set.event(&subject);
  other.request = config.text();
  expect_golden("command_other", other);
}

TEST(OcsfGolden, WhatTheTrailSaysOfItself) {
  Event segment;
  segment.kind = Kind::segment;
  expect_golden("segment", segment,
                R"(,"file":"kw-1.example.shard-0.20270115T080000Z-000002.jsonl","previous":{)"
                R"("end":"rotated","file":"kw-1.example.shard-0.20270115T080000Z-000001.jsonl",)"
                R"("sequence":11,"hash":"00"})");
  Event checkpoint;
  checkpoint.kind = Kind::checkpoint;
  Checkpoint facts;
  facts.key = "0011223344556677";
  facts.policy_version = "sha256:11aa";
  facts.every_ms = 10'000;
  facts.mono_us = 77;
  StreamMark mark;
  mark.stream = "shard-0";
  mark.number = 3;
  mark.first = 11;
  mark.sequence = 12;
  mark.open = true;
  mark.from = {2, 7, kNoHash};
  facts.streams = {mark, mark};
  expect_golden("checkpoint", checkpoint, fields_of(facts));
  const Subject subject = sample_subject();
  const SampleSet set;
  Event intent = set.event(&subject);
  intent.kind = Kind::intent;
  intent.latency_us = -1;
  expect_golden("intent", intent);
}

TEST(OcsfGolden, WhatOnlyObservingLetPass) {
  const Subject subject = sample_subject();
  const SampleSet set;
  Event passed = set.event(&subject);
  passed.would_deny = "key";
  passed.nearest_grant = "airflow-worker";
  passed.nearest_rule = "airflow.yaml";
  passed.nearest_line = 12;
  expect_golden("command_would_deny", passed);
}

TEST(OcsfGolden, WhatWasAttestedForTriggers) {
  const Subject subject = sample_subject();
  const SampleSet set;
  const std::vector<std::string_view> triggers{"orders", "refunds"};
  Event command = set.event(&subject);
  command.attested = triggers;
  expect_golden("command_attested", command);
  const std::vector<std::string_view> many(100, "orders");
  command.attested = many;
  const auto shown = parse(line_of(command)).at_pointer("/unmapped/keyward/attested");
  EXPECT_EQ(shown.as_array().size(), 16U);

  // What passed a source and caused nothing says who did it, as a command does.
  Event nothing = of(Kind::trigger_refused, Outcome::denied, &subject);
  const SampleRequest publish("publish", {"PUBLISH", "shop:jobs", "hello"}, 1, true);
  nothing.request = publish.text();
  nothing.by = subject.principal;
  nothing.command_number = 7;
  nothing.grant = "guest";
  nothing.rule = "shop.yaml";
  nothing.rule_line = 12;
  nothing.reason = nothing.error_class = "caused_nothing";
  nothing.detail = "jobs of shop:jobs";
  expect_golden("trigger_refused_at_command", nothing);
}

TEST(OcsfGolden, BreakGlass) {
  const Subject subject = sample_subject();
  Event broken = of(Kind::break_glass, Outcome::ok, &subject);
  broken.reason = "INC-4711 queue is stuck";
  broken.grant = "airflow-emergency";
  broken.detail = "for 3600 seconds at most";
  expect_golden("break_glass", broken);
  Event whole = of(Kind::break_glass_end, Outcome::ok, &subject);
  whole.reason = "its time is over";
  expect_golden("break_glass_end", whole);
}

TEST(OcsfGolden, Revocations) {
  Event added = of(Kind::revocation, Outcome::ok, nullptr);
  added.reason = "left the team";
  added.detail = "principal okta:bob until 2026-12-22T10:00:00Z";
  added.revocation = "r-0123456789abcdef";
  added.by = "api 127.0.0.1 (alice)";
  expect_golden("revocation", added);
  added.kind = Kind::revocation_lifted;
  added.reason = "came back";
  expect_golden("revocation_lifted", added);
}

TEST(OcsfGolden, Credentials) {
  Subject subject = sample_subject();
  subject.lease_user = "kwc_0123456789abcdef01234567";
  Event issued = of(Kind::credential_issue, Outcome::ok, &subject);
  issued.grant = "airflow-worker";
  issued.reason = "a token was exchanged";
  issued.detail = "proxy, until 2027-01-15T09:00:00Z, limited by policy";
  expect_golden("credential_issue", issued);
  Event renewed = of(Kind::credential_renew, Outcome::ok, &subject);
  renewed.grant = "airflow-worker";
  renewed.detail = "direct, until 2027-01-15T09:00:00Z, at most until 2027-01-15T10:00:00Z";
  expect_golden("credential_renew", renewed);
  Event ended = of(Kind::credential_end, Outcome::ok, &subject);
  ended.reason = "ended by admin 127.0.0.1";
  expect_golden("credential_end", ended);
}

TEST(OcsfGolden, Denials) {
  const Subject subject = sample_subject();
  const SampleDenial get;
  Event denial = get.event(&subject);
  denial.grant = "metrics";
  denial.rule = "metrics.yaml";
  denial.rule_line = 7;
  expect_golden("denial", denial);

  Event early = get.event(nullptr);
  early.error_class = "NOAUTH";
  early.reason = "not logged in";
  expect_golden("denial_before_login", early);

  const std::string huge(1'000'000, 'k');
  const SampleRequest hostile("get", {"GET", "bad\n\"\x1b[31m\xff", huge}, 2, false);
  denial.request = hostile.text();
  expect_golden("denial_hostile_key", denial);
}

TEST(OcsfGolden, E806RefusalsThatAreCounted) {
  const Subject subject = sample_subject();
  Event denial = of(Kind::denial, Outcome::denied, &subject);
  denial.reason = "key";
  denial.grant = "metrics";
  denial.rule = "metrics.yaml";
  denial.rule_line = 7;
  denial.repeated = 4711;
  denial.repeated_since = WallTime(std::chrono::seconds(1'799'999'940));
  denial.request_id = "5e0b7c19d2a4-5000";
  denial.detail =
      "refusals like the ones before, from request 5e0b7c19d2a4-290 to 5e0b7c19d2a4-5000";
  expect_golden("denial_counted", denial);
}

TEST(OcsfGolden, E805AScriptIsIntroduced) {
  const Subject subject = sample_subject();
  RequestText request;
  const std::vector<std::string_view> args{"SCRIPT", "LOAD", "return redis.call('GET', KEYS[1])"};
  const std::vector<std::string_view> called{"get"};
  RequestPrinter().print({.command = "script|load",
                          .args = args,
                          .calls = called,
                          .script_sha1 = "4e6d8fc8bb01276962cce5371fa795a7763657ae"},
                         request);
  Event script = of(Kind::script, Outcome::ok, &subject);
  script.request = &request;
  script.script = "4e6d8fc8bb01276962cce5371fa795a7763657ae";
  script.detail = "script of 33 bytes";
  script.grant = "airflow-worker";
  script.rule = "airflow.yaml";
  script.rule_line = 12;
  expect_golden("script", script);
}

TEST(OcsfGolden, CallsOfTheAdminApi) {
  Subject caller;
  caller.source_ip = "10.1.2.3";
  caller.source_port = 51123;
  caller.tls_version = "TLSv1.3";
  caller.listener = "admin";
  Event call = of(Kind::admin_call, Outcome::ok, &caller);
  call.activity = 2;
  call.detail = "GET /v1/sessions";
  call.by = "holder of admin.token_file";
  call.error_class = "200";
  expect_golden("admin_call", call);
  call.outcome = Outcome::denied;
  call.activity = 4;
  call.detail = "DELETE /v1/sessions/5e0b7c19d2a4";
  call.by = "nobody";
  call.error_class = "401";
  expect_golden("admin_call_denied", call);
}

TEST(OcsfGolden, Triggers) {
  Event started = of(Kind::trigger_started, Outcome::ok, nullptr);
  started.activity = 1;
  started.reason = "started";
  started.detail = "orders-1700000000000-0 of shop:orders to http /orders";
  started.by = "okta:w1";
  started.grant = "producer";
  started.rule = "shop.yaml";
  started.rule_line = 12;
  expect_golden("trigger_started", started);
  Event refused = of(Kind::trigger_refused, Outcome::denied, nullptr);
  refused.activity = 1;
  refused.reason = "absent";
  refused.error_class = "absent";
  refused.detail = started.detail;
  refused.by = "nobody";
  refused.rule = "shop.yaml";
  refused.rule_line = 12;
  expect_golden("trigger_refused", refused);
  Event dead = started;
  dead.kind = Kind::trigger_dead;
  dead.outcome = Outcome::error;
  dead.reason = "attempts";
  dead.error_class = "attempts";
  expect_golden("trigger_dead", dead);
}

TEST(OcsfGolden, Leases) {
  const Subject subject = sample_subject();
  Event create = of(Kind::lease_create, Outcome::ok, &subject);
  create.node = "127.0.0.1:6379";
  expect_golden("lease_create", create);
  Event sweep = of(Kind::lease_delete, Outcome::ok, nullptr);
  sweep.detail = "kw_dead";
  sweep.reason = "left over from an earlier run";
  expect_golden("lease_delete", sweep);
}

TEST(OcsfGolden, TheProcess) {
  Event loaded = of(Kind::policy_loaded, Outcome::ok, nullptr);
  loaded.detail = "sha256:11aa22bb";
  loaded.reason = "reload";
  expect_golden("policy_loaded", loaded);
  expect_golden("start_first", of(Kind::start, Outcome::ok, nullptr),
                PreviousRun{}.claim("a.jsonl"));
  PreviousRun crashed;
  crashed.file = "before.jsonl";
  crashed.sequence = 11;
  crashed.torn_bytes = 17;
  expect_golden("start_after_crash", of(Kind::start, Outcome::ok, nullptr),
                crashed.claim("a.jsonl"));
  Event stop = of(Kind::stop, Outcome::ok, nullptr);
  stop.reason = "SIGTERM";
  expect_golden("stop", stop);
  Event gap = of(Kind::gap, Outcome::ok, nullptr);
  gap.reason = "the trail could not be written; records were shed";
  expect_golden("gap", gap, ",\"lost\":12");
  Event drift = of(Kind::drift, Outcome::error, nullptr);
  drift.detail = "127.0.0.1:6379";
  drift.reason = "the server refused what the policy allows";
  expect_golden("drift", drift);
}

TEST(Ocsf, HeadIsReadBackWithoutJson) {
  const Subject subject = sample_subject();
  const std::string line = line_of(SampleSet{}.event(&subject));
  const auto head = parse_head(line);
  ASSERT_TRUE(head);
  EXPECT_EQ(head->prev, view(kNoHash));
  EXPECT_EQ(head->sequence, 12U);
  EXPECT_EQ(head->time_us, 1'800'000'000'123'456U);
  EXPECT_EQ(head->kind, "command");
  EXPECT_FALSE(parse_head(line.substr(0, line.size() - 3)));
  EXPECT_FALSE(parse_head(line.substr(1)));
  Event session = of(Kind::session, Outcome::ok, &subject);
  EXPECT_EQ(parse_head(line_of(session))->kind, "session");
}

// A session's opening ends where the number begins; what is hashed ahead is whole blocks of it.
TEST(Ocsf, TheChainIsTheHashOfTheWholeLineHoweverItIsComputed) {
  for (std::size_t length = 0; length < 130; ++length) {
    Subject subject = sample_subject();
    const std::string label(length, 'l');
    subject.label = label;
    const DataRecords data("kw-1", "shard-0", "sessions");
    const Opening opening = data.open(subject, 3, 1);
    EXPECT_EQ(opening.hashed % Sha256::kBlock, 0U);
    const SampleSet set;
    std::string line;
    append_filled(line, kLineLimit, [&](char* at) {
      return data.write(at, set.event(&subject), place_at(12, kNow, kNow), opening);
    });
    ASSERT_TRUE(line.starts_with(opening.text));
    Chain chain;
    chain.add(line, opening);
    EXPECT_EQ(chain.last(), hex(sha256(line)));
  }
}

TEST(Ocsf, WhatTheClockReallySaidIsKept) {
  const RecordPlace place = place_at(1, kNow, kNow - std::chrono::hours(1));
  const SampleSet set;
  for (const Event& event : {of(Kind::stop, Outcome::ok, nullptr), set.event(nullptr)}) {
    EXPECT_EQ(parse(line_of(event, {}, place)).at_pointer("/unmapped/keyward/clock_us"),
              1'799'996'400'123'456);
  }
}

TEST(Ocsf, E809NoValueOfARequestAppears) {
  const Subject subject = sample_subject();
  const SampleRequest request(
      "set", {"SET", "airflow:k", "SENTINEL-1", "SENTINEL-2", "SENTINEL-3", "SENTINEL-4"}, 1, true);
  Event event = SampleSet{}.event(&subject);
  event.request = request.text();
  EXPECT_EQ(line_of(event).find("SENTINEL"), std::string::npos);
}

// Everything a peer can choose, at its worst: still one bounded line of JSON.
TEST(Ocsf, E808HostileTextsStayOneBoundedLine) {
  std::string nasty;
  for (int byte = 0; byte < 256; ++byte) nasty.push_back(static_cast<char>(byte));
  const std::string huge(2'000'000, '\x01');
  for (const std::string& text : {nasty, huge}) {
    Subject subject = sample_subject();
    for (std::string_view* field :
         {&subject.principal, &subject.issuer_alias, &subject.issuer, &subject.subject,
          &subject.label, &subject.token_id, &subject.token_digest, &subject.policy_version}) {
      *field = text;
    }
    subject.client_name = subject.client_library = subject.lease_user = text;
    subject.session_id = subject.source_ip = text;
    const std::vector<std::string> many(100, text);
    subject.groups = subject.grants = many;
    const std::vector<std::string_view> args(500, text);
    std::vector<std::uint32_t> places(500);
    std::iota(places.begin(), places.end(), 0);
    RequestText request;
    RequestPrinter().print({.command = text, .args = args, .keys = places, .channels = places},
                           request);
    Event event;
    event.subject = &subject;
    event.request = &request;
    event.reason = event.detail = event.rule = event.grant = event.error_class = event.node = text;
    event.request_id = text;
    for (const Kind kind : {Kind::command, Kind::denial, Kind::login, Kind::session, Kind::drift}) {
      event.kind = kind;
      const std::string line = line_of(event);
      EXPECT_LT(line.size(), kLineLimit);
      EXPECT_EQ(line.find('\n'), std::string::npos);
      boost::json::error_code error;
      static_cast<void>(boost::json::parse(line, error));
      EXPECT_FALSE(error) << error.message();
      EXPECT_TRUE(parse_head(line));
    }
  }
}

}  // namespace
}  // namespace keyward::audit
