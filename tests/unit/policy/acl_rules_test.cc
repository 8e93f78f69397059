#include "policy/acl_rules.h"

#include "unit/policy/policy_folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace keyward::policy::test {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

// A selector is split by Redis once more: what would be split or unquoted there is quoted here.
TEST(AclRules, OneSelectorPerEntryAndPlumbingAtTheRoot) {
  PolicyFolder folder;
  const auto grants = grants_of(folder.grant(R"(    databases: [0, 2]
    allow:
      - {commands: [get, set], keys: ["a:*"], read: ["r:*"], write: ["w:*", "r:*"]}
      - {commands: [psubscribe, publish], channels: ["c:*", 'q"\\x']}
      - {commands: ["xinfo|stream"], keys: ["*", "b:*", "x\x06'"], channels: ["*", "c"]}
)"));
  ASSERT_TRUE(grants) << folder.said();
  EXPECT_THAT(
      grants->acl().tokens,
      ElementsAre("resetkeys", "resetchannels", "-@all", "+ping", "+echo", "+multi", "+exec",
                  "+discard", "+unwatch", "+command", "+client|caching", "+client|getredir",
                  "+client|trackinginfo", "+select|0", "+select|2", "+psubscribe",
                  "&c:*", "&q\"\\\\x",
                  "(resetchannels -@all &__Booksleeve_MasterChanged +subscribe +unsubscribe)",
                  "(resetchannels -@all ~a:* ~r:* %W~w:* +get +set)",
                  "(resetchannels -@all &c:* \"&q\\\"\\\\\\\\x\" +psubscribe +publish)",
                  "(resetchannels -@all ~* &* +xinfo|stream)"));
  EXPECT_TRUE(grants->acl().notes.empty());
}

TEST(AclRules, SelectsOnlyTheGrantedDatabases) {
  PolicyFolder folder;
  const auto grants = grants_of(folder.grant("    allow: [{commands: [get], keys: [\"a:*\"]}]\n"));
  ASSERT_TRUE(grants) << folder.said();
  EXPECT_THAT(grants->acl().tokens, Contains("+select|0"));
  EXPECT_THAT(grants->acl().tokens, Not(Contains("+select")));
  EXPECT_THAT(grants->acl().tokens, Not(Contains("+psubscribe")));
}

TEST(AclRules, NamesOnlyCommandsOfTheServer) {
  for (const command::CommandInfo& info : command::Catalog::built_in()->all()) {
    if (info.on_server) continue;
    PolicyFolder folder;
    const auto grants = grants_of(
        folder.grant("    allow: [{commands: [\"" + info.name + "\", get], keys: [\"a:*\"]}]\n"));
    if (!grants) continue;  // never given
    for (const std::string& token : grants->acl().tokens) {
      EXPECT_THAT(token, Not(HasSubstr("+" + info.name)));
    }
  }
}

TEST(AclRules, ProbesAskForEachEntryWhatMustAndMustNotPass) {
  PolicyFolder folder;
  const auto grants = grants_of(folder.grant(R"(    allow:
      - {commands: [get], keys: ["a:*"]}
      - {commands: [publish], channels: ["c:*"]}
)"));
  ASSERT_TRUE(grants) << folder.said();
  std::vector<std::pair<std::vector<std::string>, bool>> seen;
  for (const AclRules::Probe& probe : grants->acl().probes) {
    seen.emplace_back(probe.argv, probe.allowed);
    EXPECT_EQ(verdict(*grants, probe.argv), probe.allowed ? "allow" : "deny");
  }
  using Argv = std::vector<std::string>;
  EXPECT_THAT(seen, ElementsAre(std::pair(Argv{"get", "a:probe"}, true),
                                std::pair(Argv{"get", "keyward-probe\x01-foreign"}, false),
                                std::pair(Argv{"publish", "c:probe", "m"}, true),
                                std::pair(Argv{"publish", "keyward-probe\x01-foreign", "m"}, false),
                                std::pair(Argv{"flushall"}, false)));
}

TEST(AclRules, ServersBeforeChannelRulesGetNone) {
  // Two commands of a 6.0 server, as its COMMAND tells them.
  const auto catalog = command::Catalog::from_reply(
      "*2\r\n*6\r\n$3\r\nget\r\n:2\r\n*2\r\n+readonly\r\n+fast\r\n:1\r\n:1\r\n:1\r\n"
      "*6\r\n$10\r\npsubscribe\r\n:-2\r\n*1\r\n+pubsub\r\n:0\r\n:0\r\n:0\r\n",
      {.major = 6, .minor = 0, .patch = 9});
  ASSERT_TRUE(catalog);
  Entry a;
  a.commands.add((*catalog)->by_name("get")->id);
  a.keys = {{"a:*", 1}};
  a.databases = {0};
  Entry b;
  b.commands.add((*catalog)->by_name("psubscribe")->id);
  b.channels = {"c:*"};
  b.databases = {0};
  const AclRules rules = compile_acl({a, b}, {0}, **catalog);
  EXPECT_THAT(rules.tokens,
              ElementsAre("resetkeys", "-@all", "+ping", "+echo", "+multi", "+exec", "+discard",
                          "+unwatch", "+command", "+select|0", "~a:*", "+get", "+psubscribe"));
  EXPECT_FALSE(rules.checks_channels);
  EXPECT_THAT(rules.notes, ElementsAre(HasSubstr("no ACL selectors")));
}

}  // namespace
}  // namespace keyward::policy::test
