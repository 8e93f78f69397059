#include "keyward/review/replay.h"

#include "unit/review/trail_maker.h"

#include "keyward/review/access.h"

#include <gmock/gmock.h>

namespace keyward::review {
namespace {

using test::TrailMaker;
using ::testing::HasSubstr;

ReplayReport replay(TrailMaker& trail, const std::string& yaml) {
  Replay replay(test::load(yaml));
  trail.each([&](const Record& record) { replay.add(record); });
  return replay.finish();
}

std::string app(const std::string& more = {}) {
  return test::one_grant(more +
                         "    allow:\n      - {commands: [set, get, del], keys: [\"app:*\"]}\n");
}

TEST(ReplayTest, TellsWhatChanges) {
  TrailMaker trail;
  trail.as("okta", "w1").run({"SET", "app:1", "v"}).run({"SET", "other:1", "v"}, 0, 3);
  trail.refused({"GET", "app:2"}).refused({"GET", "foreign"}).run({"DEL", "app:1"}, 4);
  const ReplayReport report = replay(trail, app());
  EXPECT_EQ(report.commands, 5U);
  EXPECT_EQ(report.allowed, 1U);
  EXPECT_EQ(report.newly_refused, 4U);
  EXPECT_EQ(report.newly_allowed, 1U);
  EXPECT_EQ(report.refused, 1U);
  EXPECT_FALSE(report.holds());
  ASSERT_EQ(report.refused_groups.size(), 2U);
  EXPECT_EQ(report.refused_groups[0].count, 3U);
  EXPECT_EQ(report.refused_groups[0].command, "set");
  EXPECT_EQ(report.refused_groups[0].reason, "key");
  EXPECT_EQ(report.refused_groups[0].pattern, "other:*");
  EXPECT_EQ(report.refused_groups[0].example, "SET other:1 <1 byte>");
  EXPECT_EQ(report.refused_groups[1].reason, "database");
}

TEST(ReplayTest, JudgesLengthsOfValues) {
  TrailMaker trail;
  trail.as("okta", "w1").run({"SET", "app:1", std::string(2000, 'x')}).run({"SET", "app:1", "v"});
  const ReplayReport report = replay(trail, app("    limits: {max_value: 1KiB}\n"));
  EXPECT_EQ(report.newly_refused, 1U);
  EXPECT_EQ(report.refused_groups[0].reason, "limit");
}

TEST(ReplayTest, NobodyKnownIsRefused) {
  TrailMaker trail;
  trail.as("eks", "w1").run({"SET", "app:1", "v"});
  const ReplayReport report = replay(trail, app());
  EXPECT_EQ(report.newly_refused, 1U);
  EXPECT_THAT(report.refused_groups[0].why, HasSubstr("no grant"));
}

// A trail holds no claims: who had the grant then is taken to have them still.
TEST(ReplayTest, ClaimsAreTakenFromTheGrantThatWasHad) {
  const std::string yaml =
      "apiVersion: keyward/v1\nteam: t\ngrants:\n  - name: ops\n"
      "    who: [{issuer: okta, groups: [ops], claims: {mfa: \"true\"}}]\n"
      "    allow:\n      - {commands: [set], keys: [\"app:*\"]}\n";
  TrailMaker trail;
  trail.as("okta", "a", {"ops"}, {"ops"}).run({"SET", "app:1", "v"});
  trail.as("okta", "b", {"ops"}, {"other"}).run({"SET", "app:1", "v"});
  const ReplayReport report = replay(trail, yaml);
  EXPECT_EQ(report.allowed, 1U);
  EXPECT_EQ(report.newly_refused, 1U);
}

TEST(ReplayTest, WhatDependsOnClaimsOfATemplateIsNotJudged) {
  TrailMaker trail;
  trail.as("okta", "a").run({"SET", "app:red:1", "v"});
  const ReplayReport report = replay(
      trail,
      test::one_grant("    allow:\n      - {commands: [set], keys: [\"app:{claim.team}:*\"]}\n"));
  EXPECT_EQ(report.unjudged, 1U);
  EXPECT_TRUE(report.holds());
}

TEST(AccessTest, WhoReachesAKey) {
  const auto snapshot = test::load(
      "apiVersion: keyward/v1\nteam: t\ngrants:\n"
      "  - name: writer\n    who: [{issuer: okta, groups: [w]}]\n    databases: [0, 2]\n"
      "    allow:\n      - {commands: [set, get], keys: [\"app:*\"]}\n"
      "  - name: reader\n    who: [{issuer: okta, groups: [r]}]\n"
      "    allow:\n      - {commands: [get, set, del], read: [\"app:*\"]}\n"
      "  - name: corner\n    who: [{issuer: okta, groups: [c]}]\n"
      "    allow:\n      - {commands: [get], keys: [\"app:{subject}:*\"]}\n"
      "  - name: blind\n    who: [{issuer: okta, groups: [b]}]\n"
      "    allow:\n      - {commands: [set], read: [\"app:*\"]}\n");
  ASSERT_TRUE(snapshot);
  const auto reached = who_reaches(*snapshot, "app:dev.1:x", std::nullopt);
  std::vector<std::string> told;
  for (const auto& one : reached) {
    told.push_back(one.grant + (one.read ? " read" : "") + (one.write ? " write" : "") +
                   (one.when.empty() ? "" : " " + one.when));
  }
  EXPECT_EQ(told, (std::vector<std::string>{"writer read write", "reader read",
                                            "corner read {subject} is dev.1"}));
  EXPECT_EQ(who_reaches(*snapshot, "app:x", 2).size(), 1U);
  EXPECT_TRUE(who_reaches(*snapshot, "other", std::nullopt).empty());
}

TEST(AccessTest, WhoUsedAKeyAndWhichRulesWereNotUsed) {
  const auto snapshot = test::load(
      test::one_grant("    allow:\n      - {commands: [set, getdel], keys: [\"app:*\"]}\n"
                      "      - {commands: [del], keys: [\"old:*\"]}\n"));
  TrailMaker trail;
  trail.as("okta", "a").run({"SET", "app:1", "v"}).run({"GETDEL", "app:1"});
  trail.as("okta", "b").run({"SET", "app:2", "v"}).refused({"GET", "app:1"});
  UsageOf key(snapshot, "app:1", std::nullopt);
  UsageOf all(snapshot, "", std::nullopt);
  trail.each([&](const Record& record) {
    key.add(record);
    all.add(record);
  });
  const auto users = key.users();
  ASSERT_EQ(users.size(), 2U);
  EXPECT_EQ(users[0].principal, "okta:b");
  EXPECT_EQ(users[0].refused, 1U);
  EXPECT_EQ(users[1].writes, 2U);
  EXPECT_EQ(users[1].rules, (std::set<std::string>{"old, old.yaml:7"}));
  EXPECT_EQ(all.rules().size(), 1U);
  EXPECT_EQ(all.rules().begin()->second.count, 3U);
  EXPECT_EQ(all.rules().begin()->second.people.size(), 2U);
}

}  // namespace
}  // namespace keyward::review
