#include "keyward/review/diff.h"

#include "unit/review/trail_maker.h"

#include <boost/json/serialize.hpp>
#include <gmock/gmock.h>

namespace keyward::review {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using How = ReachChange::How;

std::string file(const std::string& grants) {
  return "apiVersion: keyward/v1\nteam: t\ngrants:\n" + grants;
}

std::string grant(const std::string& name, const std::string& entries,
                  const std::string& who = "{issuer: okta, groups: [g]}",
                  const std::string& more = {}) {
  return "  - name: " + name + "\n    who: [" + who + "]\n" + more + "    allow:\n" + entries;
}

PolicyDiff compare(const std::string& before, const std::string& after) {
  const auto old = test::load(file(before));
  const auto now = test::load(file(after));
  return diff(*old, *now);
}

const std::string kBase = "      - {commands: [get, set], keys: [\"app:*\"]}\n";

TEST(DiffTest, EqualRightsAreNoChange) {
  EXPECT_TRUE(compare(grant("a", kBase), grant("a", kBase)).empty());
  // Another way to write the same.
  const std::string split =
      "      - {commands: [get], keys: [\"app:*\"]}\n      - {commands: [set], keys: "
      "[\"app:*\"]}\n";
  EXPECT_TRUE(compare(grant("a", kBase), grant("a", split)).people.empty());
  const std::string order = "      - {commands: [set, get], keys: [\"app:*\"]}\n";
  EXPECT_TRUE(compare(grant("a", kBase), grant("a", order)).empty());
  // GET cannot write: a key that is only readable is the same to it.
  EXPECT_TRUE(compare(grant("a", "      - {commands: [get], keys: [\"app:*\"]}\n"),
                      grant("a", "      - {commands: [get], read: [\"app:*\"]}\n"))
                  .empty());
}

TEST(DiffTest, TellsGainsAndLosses) {
  const PolicyDiff found =
      compare(grant("a", kBase), grant("a", "      - {commands: [get, del], keys: [\"app:*\"]}\n"));
  ASSERT_EQ(found.people.size(), 1U);
  EXPECT_THAT(found.people[0].who, ElementsAre("{issuer: okta, groups: [g]}"));
  ASSERT_EQ(found.people[0].changes.size(), 2U);
  const ReachChange& gain = found.people[0].changes[0];
  EXPECT_EQ(gain.how, How::added);
  EXPECT_THAT(gain.commands, ElementsAre("del"));
  EXPECT_THAT(gain.patterns, ElementsAre("app:*"));
  EXPECT_EQ(gain.access, 2);
  EXPECT_EQ(gain.rule, "p.yaml:7");
  EXPECT_EQ(found.people[0].changes[1].how, How::removed);
  EXPECT_THAT(found.people[0].changes[1].commands, ElementsAre("set"));
}

TEST(DiffTest, TellsWidenedAndNarrowed) {
  const std::string narrow = "      - {commands: [get, set], keys: [\"app:jobs:*\"]}\n";
  const PolicyDiff wider = compare(grant("a", narrow), grant("a", kBase));
  ASSERT_FALSE(wider.people.empty());
  for (const ReachChange& one : wider.people[0].changes) {
    EXPECT_EQ(one.how, How::widened);
    EXPECT_EQ(one.other, "app:jobs:*");
  }
  const PolicyDiff tighter = compare(grant("a", kBase), grant("a", narrow));
  for (const ReachChange& one : tighter.people[0].changes) EXPECT_EQ(one.how, How::narrowed);
}

TEST(DiffTest, TellsMoreAccessToTheSameKey) {
  const PolicyDiff found = compare(grant("a", "      - {commands: [copy], read: [\"app:*\"]}\n"),
                                   grant("a", "      - {commands: [copy], keys: [\"app:*\"]}\n"));
  ASSERT_EQ(found.people.size(), 1U);
  ASSERT_EQ(found.people[0].changes.size(), 1U);
  EXPECT_EQ(found.people[0].changes[0].how, How::widened);
  EXPECT_EQ(found.people[0].changes[0].access, 2);
  // SET had no use for what it could only read.
  const PolicyDiff useless = compare(grant("a", "      - {commands: [set], read: [\"app:*\"]}\n"),
                                     grant("a", "      - {commands: [set], keys: [\"app:*\"]}\n"));
  EXPECT_EQ(useless.people.at(0).changes.at(0).how, How::added);
}

TEST(DiffTest, DatabasesAndChannels) {
  const PolicyDiff found = compare(
      grant("a", kBase), grant("a", kBase + "      - {commands: [publish], channels: [\"c:*\"]}\n",
                               "{issuer: okta, groups: [g]}", "    databases: [0, 1]\n"));
  bool channels = false;
  bool database = false;
  for (const ReachChange& one : found.people.at(0).changes) {
    channels = channels || one.on == ReachChange::On::channels;
    database = database || one.databases == std::vector<std::uint32_t>{1};
  }
  EXPECT_TRUE(channels);
  EXPECT_TRUE(database);
}

// The same rights under another grant are nobody's gain.
TEST(DiffTest, RightsThatMoveAreNoGain) {
  const std::string one = "      - {commands: [get], keys: [\"a:*\"]}\n";
  const std::string two = "      - {commands: [get], keys: [\"b:*\"]}\n";
  const PolicyDiff found = compare(grant("x", one + two), grant("x", one) + grant("y", two));
  EXPECT_THAT(found.new_grants, ElementsAre("y"));
  ASSERT_EQ(found.people.size(), 1U);
  EXPECT_TRUE(found.people[0].moved());
}

TEST(DiffTest, NamesGrantsThatCameWentAndWereRenamed) {
  const std::string other = "      - {commands: [del], keys: [\"z:*\"]}\n";
  const PolicyDiff found =
      compare(grant("old", kBase) + grant("gone", other, "{issuer: okta, subject: x}"),
              grant("new", kBase) + grant("fresh", other, "{issuer: okta, subject: y}"));
  EXPECT_EQ(found.renamed_grants,
            (std::vector<std::pair<std::string, std::string>>{{"old", "new"}}));
  EXPECT_THAT(found.new_grants, ElementsAre("fresh"));
  EXPECT_THAT(found.removed_grants, ElementsAre("gone"));
  EXPECT_FALSE(found.empty());
}

TEST(DiffTest, PeopleComeAndGo) {
  const PolicyDiff found =
      compare(grant("a", kBase),
              grant("a", kBase, "{issuer: okta, groups: [g]}, {issuer: eks, subject: s}"));
  ASSERT_EQ(found.people.size(), 1U);
  EXPECT_THAT(found.people[0].who, ElementsAre("{issuer: eks, subject: s}"));
  EXPECT_TRUE(found.people[0].grants_before.empty());
  EXPECT_TRUE(found.people[0].changes.at(0).gain());
}

TEST(DiffTest, Settings) {
  const PolicyDiff found =
      compare(grant("a", kBase, "{issuer: okta, groups: [g]}",
                    "    limits: {connections: 5, max_value: 1KiB}\n"),
              grant("a", kBase, "{issuer: okta, groups: [g]}",
                    "    limits: {connections: 9}\n    audit: {reads: true}\n"));
  ASSERT_EQ(found.settings.size(), 3U);
  EXPECT_EQ(found.settings[0].what, "limits.connections");
  EXPECT_EQ(found.settings[0].way, SettingChange::Way::looser);
  EXPECT_EQ(found.settings[1].what, "limits.max_value");
  EXPECT_EQ(found.settings[1].after, "none");
  EXPECT_EQ(found.settings[2].way, SettingChange::Way::tighter);
  EXPECT_TRUE(found.people.empty());
}

TEST(DiffTest, OutputsSayTheSame) {
  const PolicyDiff found =
      compare(grant("a", kBase),
              grant("a", "      - {commands: [get, del], keys: [\"app:*\", \"x|y<b>*\"]}\n"));
  const std::string text = diff_text(found);
  EXPECT_THAT(text, HasSubstr("+ gains del on keys app:* (write)"));
  EXPECT_THAT(text, HasSubstr("+ gains del get on keys x|y<b>* (read, write)"));
  EXPECT_THAT(text, HasSubstr("- loses set on keys app:* (read, write)"));
  const std::string markdown = diff_markdown(found);
  EXPECT_THAT(markdown, HasSubstr("| **+ gains** |"));
  EXPECT_THAT(markdown, HasSubstr("x&#124;y&lt;b&gt;&#42;"));
  EXPECT_LT(markdown.find("gains**"), markdown.find("- loses"));
  const std::string json = boost::json::serialize(diff_json(found));
  EXPECT_THAT(json, HasSubstr("\"changed\":true"));
}

}  // namespace
}  // namespace keyward::review
