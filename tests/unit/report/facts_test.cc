// Facts against a trail that is small enough to count by hand.
#include "unit/report/trail_text.h"

#include "keyward/report/compose.h"

#include <gtest/gtest.h>

namespace keyward::report::test {
namespace {

const Period kDay{kMorning - 60 * kMinute, kMorning + 600 * kMinute};

ReadTrail facts_of(const TrailText& trail, Period period = kDay, unsigned threads = 0) {
  auto read = read_trail({.directory = trail.folder(), .period = period, .threads = threads});
  EXPECT_TRUE(read.has_value());
  return read ? std::move(*read) : ReadTrail{};
}

TEST(Facts, CountWhatAPersonDid) {
  TrailText trail;
  const Someone alice;
  trail.login(alice).session(alice);
  trail.after(kMinute).command(alice, "set", "app:1").after(kMinute).command(alice, "get", "app:1");
  trail.after(kMinute).denial(alice, "get", "other", "key");
  const ReadTrail read = facts_of(trail);
  EXPECT_EQ(read.facts.records, 5U);
  ASSERT_TRUE(read.facts.people.contains("okta:alice"));
  const Person& person = read.facts.people.at("okta:alice");
  EXPECT_EQ(person.logins.count, 1U);
  EXPECT_EQ(person.accepted.count, 2U);
  EXPECT_EQ(person.changes.count, 1U);
  EXPECT_EQ(person.refused.count, 1U);
  EXPECT_EQ(person.accepted.last_us, kMorning + 2 * kMinute);
  EXPECT_EQ(read.facts.reasons.find("key")->count, 1U);
  EXPECT_EQ(read.facts.grants.at("app").accepted.count, 2U);
  EXPECT_EQ(read.facts.rules.find(std::string("app") + kBetween + "app.yaml:8")->count, 2U);
  ASSERT_EQ(person.roles.size(), 1U);
  EXPECT_EQ(person.roles.begin()->second.groups, Words{"team"});
}

// One record of a flood stands for many refusals; a name of a key cannot pretend to.
TEST(Facts, AFloodOfRefusalsIsCountedInFull) {
  TrailText trail;
  const Someone alice;
  trail.session(alice).denial(alice, "get", "k", "key").denial(alice, "get", "k", "key", 4711);
  trail.denial(alice, "get", R"(,"repeated":99)", "key");
  const ReadTrail read = facts_of(trail);
  EXPECT_EQ(read.facts.reasons.find("key")->count, 4713U);
  EXPECT_EQ(read.facts.people.at("okta:alice").refused.count, 4713U);
}

// CC6.8: a digest that ran leads to who brought the text.
TEST(Facts, WhoHandedAScriptOver) {
  TrailText trail;
  const json::object script{{"script_sha1", std::string(40, 'a')},
                            {"principal", "okta:alice"},
                            {"detail", "script of 33 bytes"},
                            {"grant", "app"},
                            {"rule", "app.yaml:8"}};
  trail.control("script", script).after(kMinute).control("script", script);
  const ReadTrail read = facts_of(trail);
  const std::string name = std::string(40, 'a') + kBetween + "script of 33 bytes" + kBetween +
                           "okta:alice" + kBetween + "app" + kBetween + "app.yaml:8";
  ASSERT_NE(read.facts.handed_over.find(name), nullptr);
  EXPECT_EQ(read.facts.handed_over.find(name)->count, 2U);
  EXPECT_EQ(read.facts.handed_over.find(name)->last_us, kMorning + kMinute);
}

TEST(Facts, WhoCausedTheEventsOfTriggersAndWhoDidNot) {
  TrailText trail;
  const json::object done{{"principal", "okta:alice"},
                          {"grant", "app"},
                          {"attested", json::array{"orders", "refunds"}}};
  const json::object refused{
      {"rule", "shop.yaml:9"}, {"by", "okta:mallory"}, {"repeated", 40}, {"detail", "orders of q"}};
  trail.control("command", done).after(kMinute).control("command", done);
  trail.control("trigger_refused", refused);
  const ReadTrail read = facts_of(trail);
  const Tally& attested = read.facts.attested;
  ASSERT_NE(attested.find(std::string("orders") + kBetween + "okta:alice"), nullptr);
  EXPECT_EQ(attested.find(std::string("orders") + kBetween + "okta:alice")->count, 2U);
  EXPECT_EQ(attested.find(std::string("refunds") + kBetween + "okta:alice")->count, 2U);
  const std::string name = std::string("shop.yaml:9") + kBetween + "okta:mallory" + kBetween;
  ASSERT_NE(read.facts.unattested.find(name), nullptr);
  EXPECT_EQ(read.facts.unattested.find(name)->count, 40U);
}

TEST(Facts, APeriodHoldsItsFirstMomentAndNotItsLast) {
  TrailText trail;
  const Someone alice;
  trail.session(alice).command(alice, "set", "a").after(kMinute).command(alice, "set", "a");
  trail.after(kMinute).command(alice, "set", "a");
  const ReadTrail read =
      facts_of(trail, {.from_us = kMorning + kMinute, .to_us = kMorning + 2 * kMinute});
  EXPECT_EQ(read.facts.records, 1U);
  EXPECT_EQ(read.facts.before, 2U);
  EXPECT_EQ(read.facts.after, 1U);
  EXPECT_EQ(read.facts.people.at("okta:alice").before_us, kMorning);
}

TEST(Facts, AreTheSameOnAnyNumberOfThreads) {
  TrailText trail;
  for (int i = 0; i < 50; ++i) {
    Someone who{.principal = "okta:u" + std::to_string(i % 7), .name = "u", .session = "s"};
    who.session += std::to_string(i);
    trail.after(kMinute).login(who).session(who).command(who, "set", "k");
    if (i % 3 == 0) trail.denial(who, "get", "k", i % 2 == 0 ? "key" : "command");
  }
  trail.control("policy_loaded", {{"reason", "start"}, {"detail", "v1"}});
  Input one, many;
  one.read = facts_of(trail, kDay, 1);
  many.read = facts_of(trail, kDay, 4);
  EXPECT_EQ(document_html(compose(one)), document_html(compose(many)));
}

TEST(Leavers, ARevocationAndTheLastCommandAfterIt) {
  TrailText trail;
  const Someone bob{.principal = "okta:bob b", .name = "bob", .session = "s2"};
  trail.login(bob).session(bob).after(kMinute).command(bob, "set", "a");
  trail.after(kMinute).control("revocation", {{"revocation", "r-1"},
                                              {"reason", "left"},
                                              {"detail", "principal okta:bob b until 2026-12-22"}});
  trail.after(200'000).command(bob, "set", "a");
  trail.after(kMinute).control("revocation_lifted",
                               {{"revocation", "r-1"}, {"reason", "back"}, {"detail", "x"}});
  trail.after(kMinute).command(bob, "set", "a");
  const auto all = leavers(facts_of(trail));
  ASSERT_EQ(all.size(), 1U);
  EXPECT_EQ(all[0].principal, "okta:bob b");
  EXPECT_EQ(all[0].after.count, 1U);
  EXPECT_EQ(all[0].after.last_us - all[0].at_us, 200'000U);
}

TEST(Leavers, APolicyThatEndedASession) {
  TrailText trail;
  const Someone alice;
  trail.session(alice).command(alice, "set", "a");
  trail.after(kMinute).control("policy_loaded", {{"reason", "reload by SIGHUP"}, {"detail", "v2"}});
  trail.after(5000).ended(alice, "no grant under the new policy");
  const auto all = leavers(facts_of(trail));
  ASSERT_EQ(all.size(), 1U);
  EXPECT_EQ(all[0].how, "policy");
  EXPECT_EQ(all[0].at_us, kMorning + kMinute);
  EXPECT_EQ(all[0].after.count, 0U);
}

TEST(Leavers, AGroupThatALaterTokenLacks) {
  TrailText trail;
  const Someone before{.groups = {"admins", "team"}, .grants = {"app"}};
  Someone now;
  now.session = "s9";
  trail.login(before).session(before).command(before, "set", "a");
  trail.after(kMinute).login(now).session(now).after(kMinute).command(now, "set", "a");
  const auto all = leavers(facts_of(trail));
  ASSERT_EQ(all.size(), 1U);
  EXPECT_EQ(all[0].lost, "group admins");
  EXPECT_EQ(all[0].at_us, kMorning + kMinute);
  EXPECT_EQ(all[0].after.count, 0U);
}

}  // namespace
}  // namespace keyward::report::test
