#include "keyward/review/suggest.h"

#include "unit/review/trail_maker.h"

#include "keyward/policy/explain.h"
#include "keyward/review/replay.h"

#include <gmock/gmock.h>

#include <random>

namespace keyward::review {
namespace {

using test::TrailMaker;
using test::Words;
using ::testing::HasSubstr;
using ::testing::Not;

Suggestion suggest(TrailMaker& trail, SuggestOptions options = {}) {
  Suggester suggester(command::Catalog::built_in(), std::move(options));
  const TrailCounts counts = trail.each([&](const Record& record) { suggester.add(record); });
  return suggester.finish(counts);
}

// What the file says of the trail that it was made of.
ReplayReport proof(TrailMaker& trail, const Suggestion& made) {
  const auto snapshot = test::load(made.yaml);
  if (!snapshot) {
    ReplayReport nothing;
    nothing.newly_refused = 1;
    return nothing;
  }
  Replay replay(snapshot);
  trail.each([&](const Record& record) { replay.add(record); });
  return replay.finish();
}

std::string uuid(std::mt19937& random) {
  const char* kDigits = "0123456789abcdef";
  std::string out = "xxxxxxxx-xxxx-4xxx-axxx-xxxxxxxxxxxx";
  for (char& c : out) c = c == 'x' ? kDigits[random() % 16] : c;
  return out;
}

void celery(TrailMaker& trail) {
  std::mt19937 random(1);
  trail.as("okta", "w1", {"airflow-workers"}, {"airflow-worker"});
  for (int i = 0; i < 50; ++i) {
    const std::string id = uuid(random);
    trail.run({"LPUSH", "airflow:celery", "{}"});
    trail.run({"BRPOP", "airflow:celery",
               "airflow:celery\x06\x16"
               "3",
               "airflow:celery\x06\x16"
               "6",
               "1"});
    trail.run({"SETEX", "airflow:celery-task-meta-" + id, "86400", "{}"});
    trail.run({"PUBLISH", "airflow:celery-task-meta-" + id, "{}"});
    trail.run({"HSET", "airflow:unacked", id, "{}"});
    trail.run({"ZADD", "airflow:unacked_index", "1", id});
    trail.run({"SADD", "airflow:_kombu.binding.celery", "x"});
    trail.run({"EVALSHA", std::string(40, 'a'), "1", "airflow:unacked_mutex", "t"});
    trail.run({"RPUSH", "airflow:" + id + ".reply.celery.pidbox", "x"});
  }
}

TEST(SuggestTest, ACeleryRunNeedsFewNarrowRules) {
  TrailMaker trail;
  celery(trail);
  SuggestOptions options;
  options.calls = {"get", "del"};
  const Suggestion made = suggest(trail, options);
  EXPECT_LT(made.rules, 25U);
  EXPECT_EQ(made.grants, 1U);
  EXPECT_EQ(made.wide, 0U);
  EXPECT_THAT(made.yaml, HasSubstr("name: airflow-worker"));
  EXPECT_THAT(made.yaml, HasSubstr("{issuer: okta, groups: [airflow-workers]}"));
  EXPECT_THAT(made.yaml, HasSubstr("airflow:celery-task-meta-*"));
  EXPECT_THAT(made.yaml, Not(HasSubstr("\"@")));
  EXPECT_THAT(made.yaml, Not(HasSubstr("- \"*\"")));
  const ReplayReport report = proof(trail, made);
  EXPECT_EQ(report.newly_refused, 0U);
  EXPECT_EQ(report.allowed, report.commands);
  EXPECT_EQ(report.commands, 450U);
}

TEST(SuggestTest, ReadingAndWritingAreApart) {
  TrailMaker trail;
  trail.as("okta", "w1").run({"GETDEL", "both:a"}).run({"SET", "write:a", "v"});
  trail.run({"SET", "write:b", "v"}).run({"GETDEL", "both:b"});
  const Suggestion made = suggest(trail);
  EXPECT_THAT(made.yaml, HasSubstr("keys: [\"both:a\", \"both:b\"]"));
  EXPECT_THAT(made.yaml, HasSubstr("write: [\"write:a\", \"write:b\"]"));
  EXPECT_EQ(proof(trail, made).newly_refused, 0U);
}

TEST(SuggestTest, PeopleWhoActAlikeShareAGrant) {
  TrailMaker trail;
  trail.as("okta", "a1", {"alpha"}, {"x"}).run({"SET", "alpha:k", "v"}, 0, 3);
  trail.as("okta", "a2", {"alpha"}, {"x"}).run({"SET", "alpha:k", "v"});
  trail.as("eks", "system:serviceaccount:ns:b", {}, {"y"}).run({"LPUSH", "beta:q", "v"});
  const Suggestion made = suggest(trail);
  EXPECT_EQ(made.grants, 2U);
  EXPECT_EQ(made.people, 3U);
  EXPECT_THAT(made.yaml, HasSubstr("{issuer: okta, groups: [alpha]}"));
  EXPECT_THAT(made.yaml, HasSubstr("{issuer: eks, subject: \"system:serviceaccount:ns:b\"}"));
  EXPECT_EQ(proof(trail, made).newly_refused, 0U);
  // Nobody gets what only the others did.
  const auto snapshot = test::load(made.yaml);
  identity::Principal other;
  other.issuer_alias = "okta";
  other.subject = "a1";
  other.groups = {"alpha"};
  EXPECT_EQ(policy::explain(*snapshot, other, Words{"LPUSH", "beta:q", "v"}).verdict,
            policy::Explanation::Verdict::deny);
}

TEST(SuggestTest, EverybodysOwnCorner) {
  TrailMaker trail;
  for (const char* who : {"ann", "bob", "dev.1"})
    trail.as("okta", who, {"developers"}).run({"SET", "sandbox:" + std::string(who) + ":k", "v"});
  const Suggestion made = suggest(trail);
  EXPECT_EQ(made.grants, 1U);
  EXPECT_THAT(made.yaml, HasSubstr("sandbox:{subject}:k"));
  EXPECT_EQ(proof(trail, made).newly_refused, 0U);
}

TEST(SuggestTest, ManyPeopleAreNamedByWhatTheyBeginWith) {
  TrailMaker trail;
  for (int i = 0; i < 60; ++i)
    trail.as("eks", "system:serviceaccount:jobs:w" + std::to_string(i))
        .run({"LPUSH", "jobs:q", "v"});
  const Suggestion made = suggest(trail);
  EXPECT_THAT(made.yaml, HasSubstr("subject: \"system:serviceaccount:jobs:*\""));
  EXPECT_THAT(made.yaml, HasSubstr("narrow it down"));
  EXPECT_EQ(proof(trail, made).newly_refused, 0U);
}

TEST(SuggestTest, DatabasesOfDifferentUseAreApart) {
  TrailMaker trail;
  trail.as("okta", "w1", {"g"}).run({"SET", "a:k", "v"}, 0).run({"LPUSH", "b:q", "v"}, 3);
  const Suggestion made = suggest(trail);
  EXPECT_EQ(made.grants, 2U);
  EXPECT_THAT(made.yaml, HasSubstr("databases: [3]"));
  EXPECT_EQ(proof(trail, made).newly_refused, 0U);
}

TEST(SuggestTest, WhatWasRefusedIsNotGranted) {
  TrailMaker trail;
  trail.as("okta", "w1").run({"SET", "a:k", "v"}).refused({"GET", "b:k"});
  EXPECT_THAT(suggest(trail).yaml, Not(HasSubstr("b:k")));
  SuggestOptions options;
  options.refused_too = true;
  EXPECT_THAT(suggest(trail, options).yaml, HasSubstr("b:k"));
}

TEST(SuggestTest, EveryKeyOnlyWhenNothingElseHolds) {
  TrailMaker trail;
  trail.as("okta", "ops").run({"FLUSHDB"});
  const Suggestion made = suggest(trail);
  EXPECT_THAT(made.yaml, HasSubstr("EVERY NAME"));
  EXPECT_EQ(made.wide, 1U);
  EXPECT_EQ(proof(trail, made).newly_refused, 0U);
}

TEST(SuggestTest, OnlyWhoWasAskedFor) {
  TrailMaker trail;
  trail.as("okta", "a", {}, {"one"}).run({"SET", "a:k", "v"});
  trail.as("okta", "b", {}, {"two"}).run({"SET", "b:k", "v"});
  SuggestOptions options;
  options.grant = "two";
  EXPECT_THAT(suggest(trail, options).yaml, Not(HasSubstr("a:k")));
  options = {};
  options.principal = "okta:a";
  EXPECT_THAT(suggest(trail, options).yaml, Not(HasSubstr("b:k")));
  options = {};
  options.issuer = "eks";
  EXPECT_EQ(suggest(trail, options).grants, 0U);
}

TEST(SuggestTest, BinaryNamesAndHostileNames) {
  TrailMaker trail;
  trail.as("okta", "w'1: {x}", {"g: [1]", "#h"});
  for (const std::string& key :
       {std::string("q\x06\x16\xff", 4), std::string("a\nb"), std::string("# x"),
        std::string("'\"\\"), std::string("{subject}"), std::string("caf\xc3\xa9"),
        std::string("*"), std::string("- {a: b}"), std::string("\0z", 2)})
    trail.run({"SET", key, "v"});
  const Suggestion made = suggest(trail);
  const ReplayReport report = proof(trail, made);
  EXPECT_EQ(report.newly_refused, 0U) << made.yaml;
  EXPECT_EQ(report.allowed, 9U);
}

// Random traffic of random people: the file always loads, always allows all of it, and stays within
// its number of rules.
TEST(SuggestTest, RandomTrailsAreAlwaysCovered) {
  for (unsigned seed = 0; seed < 25; ++seed) {
    std::mt19937 random(seed);
    TrailMaker trail;
    const auto key = [&] {
      const char* kHeads[] = {"app:", "job.", "cache/", "x-", "u:{t}:", ""};
      const std::string tails[] = {std::to_string(random() % 1000),
                                   uuid(random),
                                   "total",
                                   "name" + std::to_string(random() % 40),
                                   "a b",
                                   "2026-01-0" + std::to_string(random() % 9)};
      return kHeads[random() % 6] + tails[random() % 6];
    };
    for (unsigned person = 0; person < 1 + seed % 5; ++person) {
      trail.as(person % 2 == 0 ? "okta" : "eks", "p" + std::to_string(person),
               person % 3 == 0 ? Words{} : Words{"g" + std::to_string(person / 2)});
      for (int i = 0; i < 60; ++i) {
        switch (random() % 8) {
          case 0:
            trail.run({"SET", key(), "v"}, random() % 2);
            break;
          case 1:
            trail.run({"DEL", key(), key(), key()});
            break;
          case 2:
            trail.run({"RENAME", key(), key()});
            break;
          case 3:
            trail.run({"EVAL", "return 1", "2", key(), key(), "x"});
            break;
          case 4:
            trail.run({"PUBLISH", key(), "m"});
            break;
          case 5:
            trail.run({"ZUNIONSTORE", key(), "2", key(), key()});
            break;
          case 6:
            trail.run({"GETDEL", key()});
            break;
          default:
            trail.run({"XADD", key(), "*", "f", "v"});
        }
      }
    }
    const Suggestion made = suggest(trail);
    EXPECT_LE(made.rules, 24U + made.grants);
    const ReplayReport report = proof(trail, made);
    EXPECT_EQ(report.newly_refused, 0U) << "seed " << seed << "\n" << made.yaml;
    EXPECT_EQ(report.unjudged, 0U);
  }
}

}  // namespace
}  // namespace keyward::review
