#include "audit/ocsf.h"

#include "audit/chain.h"
#include "audit/line_head.h"
#include "audit/previous_run.h"
#include "unit/audit/sample.h"

#include <boost/json.hpp>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <functional>

namespace keyward::audit {
namespace {

using test::sample_subject;
using test::SampleSet;

const WallTime kNow(std::chrono::microseconds(1'800'000'000'123'456));

std::string line_of(const Event& event, std::string_view extra = {}) {
  const OcsfWriter writer("kw-1", "shard-0", "sessions");
  std::string line;
  writer.append(line, event, Place{12, view(kNoHash), kNow, kNow}, extra);
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

  const std::array<std::string_view, 3> lpush{"LPUSH", "celery", "task body"};
  Event push = set.event(&subject);
  push.command = "lpush";
  push.args = lpush;
  push.keys = std::span(lpush).subspan(1, 1);
  push.has_affected = true;
  push.affected = 3;
  push.multi_id = 9;
  push.db = 2;
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

  const std::array<std::string_view, 5> script{"EVAL", "return redis.call('GET', KEYS[1])", "1",
                                               "airflow:k", "secret"};
  Event eval = set.event(&subject);
  eval.command = "eval";
  eval.args = script;
  eval.keys = std::span(script).subspan(3, 1);
  expect_golden("command_eval", eval);
}

TEST(OcsfGolden, Denials) {
  const Subject subject = sample_subject();
  const std::array<std::string_view, 2> get{"GET", "team-b:secret"};
  Event denial = of(Kind::denial, Outcome::denied, &subject);
  denial.command = "get";
  denial.args = get;
  denial.keys = std::span(get).subspan(1);
  denial.reads = true;
  denial.error_class = "NOPERM";
  denial.request_id = "r-20";
  denial.reason = "no grant covers the key";
  expect_golden("denial", denial);

  Subject nobody;
  Event early = denial;
  early.subject = &nobody;
  early.error_class = "NOAUTH";
  early.reason = "not logged in";
  expect_golden("denial_before_login", early);

  const std::string huge(1'000'000, 'k');
  const std::array<std::string_view, 3> hostile{"GET", "bad\n\"\x1b[31m\xff", huge};
  denial.args = hostile;
  denial.keys = std::span(hostile).subspan(1);
  expect_golden("denial_hostile_key", denial);
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

TEST(Ocsf, APreparedSubjectGivesTheSameRecord) {
  Subject subject = sample_subject();
  const SampleSet set;
  const std::string fresh = line_of(set.event(&subject));
  prepare(subject);
  EXPECT_EQ(line_of(set.event(&subject)), fresh);
}

TEST(Ocsf, AStalePreparationIsNotUsed) {
  const SampleSet set;
  const std::vector<std::function<void(Subject&)>> changes{
      [](Subject& subject) { subject.principal = "other"; },
      [](Subject& subject) { subject.lease_user = "kw_2"; },
      [](Subject& subject) { subject.policy_version = "v2"; },
      [](Subject& subject) { subject.client_name.clear(); },
      [](Subject& subject) { subject.token_digest = "1"; },
      [](Subject& subject) { subject.session_expires += std::chrono::hours(1); }};
  for (const auto& change : changes) {
    Subject subject = sample_subject();
    prepare(subject);
    change(subject);
    Subject same = sample_subject();
    change(same);
    EXPECT_EQ(line_of(set.event(&subject)), line_of(set.event(&same)));
  }
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
}

TEST(Ocsf, WhatTheClockReallySaidIsKept) {
  const OcsfWriter writer("kw-1", "shard-0", {});
  std::string line;
  Event event = of(Kind::stop, Outcome::ok, nullptr);
  writer.append(line, event, Place{1, view(kNoHash), kNow, kNow - std::chrono::hours(1)});
  EXPECT_EQ(parse(line).at_pointer("/unmapped/keyward/clock_us"), 1'799'996'400'123'456);
}

TEST(Ocsf, NoValueOfARequestAppears) {
  const Subject subject = sample_subject();
  const std::array<std::string_view, 6> args{"SET",        "airflow:k",  "SENTINEL-1",
                                             "SENTINEL-2", "SENTINEL-3", "SENTINEL-4"};
  SampleSet set;
  Event event = set.event(&subject);
  event.args = args;
  event.keys = std::span(args).subspan(1, 1);
  EXPECT_EQ(line_of(event).find("SENTINEL"), std::string::npos);
}

// Everything a peer can choose, at its worst: still one bounded line of JSON.
TEST(Ocsf, HostileTextsStayOneBoundedLine) {
  std::string nasty;
  for (int byte = 0; byte < 256; ++byte) nasty.push_back(static_cast<char>(byte));
  const std::string huge(2'000'000, '\x01');
  for (const std::string& text : {nasty, huge}) {
    Subject subject = sample_subject();
    for (std::string* field :
         {&subject.principal, &subject.issuer_alias, &subject.issuer, &subject.subject,
          &subject.label, &subject.token_id, &subject.client_name, &subject.client_library,
          &subject.lease_user}) {
      *field = text;
    }
    subject.groups.assign(100, text);
    const std::vector<std::string_view> args(500, text);
    Event event = SampleSet{}.event(&subject);
    event.command = text;
    event.args = args;
    event.keys = args;
    event.channels = args;
    event.reason = event.detail = event.rule = event.grant = event.error_class = event.node = text;
    const std::string line = line_of(event);
    EXPECT_LT(line.size(), kLineLimit);
    EXPECT_EQ(line.find('\n'), std::string::npos);
    boost::json::error_code error;
    static_cast<void>(boost::json::parse(line, error));
    EXPECT_FALSE(error) << error.message();
    EXPECT_TRUE(parse_head(line));
  }
}

TEST(Ocsf, AllocatesNothingInSteadyState) {
  Subject subject = sample_subject();
  prepare(subject);
  const OcsfWriter writer("kw-1", "shard-0", "sessions");
  const SampleSet set;
  std::string line;
  line.reserve(8192);
  const char* const memory = line.data();
  for (int round = 0; round < 100; ++round) {
    line.clear();
    writer.append(line, set.event(&subject), Place{12, view(kNoHash), kNow, kNow});
  }
  EXPECT_EQ(line.data(), memory);
}

}  // namespace
}  // namespace keyward::audit
