// Argument rules against a real Redis: what the rule allows, the compiled ACL user can run; and why
// a rule for SORT needs an entry that reads every key.
#include "support/redis_server.h"
#include "support/temp_dir.h"

#include "keyward/policy/snapshot.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

namespace keyward::policy {
namespace {

using test::Hiredis;
using test::Reply;
using testing::HasSubstr;
using Argv = std::vector<std::string>;

class ArgumentRulesOnRedis : public testing::Test {
 protected:
  void SetUp() override {
    for (const Argv& argv : std::vector<Argv>{{"RPUSH", "l", "1", "2", "3"},
                                              {"MSET", "w_1", "3", "w_2", "1", "w_3", "2"}}) {
      ASSERT_TRUE(admin_.call(argv));
    }
  }

  // The grants of one entry, and their user "u" on the server; null when the policy does not load.
  std::shared_ptr<const Grants> user_of(const std::string& lines) {
    const test::TempDir dir;
    std::ofstream(dir.file("p.yaml")) << "apiVersion: keyward/v1\nteam: t\ngrants:\n  - name: g\n"
                                         "    who: [{issuer: x, subject: \"*\"}]\n" +
                                             lines;
    Diagnostics diagnostics;
    const auto snapshot = Snapshot::load(dir.path(), command::Catalog::built_in(), {}, diagnostics);
    EXPECT_TRUE(snapshot) << diagnostics.text();
    if (!snapshot) return nullptr;
    const auto grants = snapshot->grants_named("g");
    Argv argv{"ACL", "SETUSER", "u", "reset", "on", "nopass"};
    argv.insert(argv.end(), (*grants)->acl().tokens.begin(), (*grants)->acl().tokens.end());
    EXPECT_EQ(test::text_of(admin_.call(argv)), "OK");
    return *grants;
  }

  std::string run(const Grants& grants, const Argv& argv) {
    const std::vector<std::string_view> args(argv.begin(), argv.end());
    command::Command command;
    if (command::analyse(*command::Catalog::built_in(), args, command).verdict !=
        command::Verdict::ok) {
      return "grammar";
    }
    if (std::holds_alternative<Denial>(grants.decide(command, {}))) return "denied";
    Hiredis user(server_.port());
    EXPECT_EQ(test::text_of(user.call({"AUTH", "u", "x"})), "OK");
    const Reply reply = user.call(argv);
    return reply && reply->type == REDIS_REPLY_ERROR ? test::text_of(reply) : "ok";
  }

  test::RedisServer server_;
  Hiredis admin_{server_.port()};
};

TEST_F(ArgumentRulesOnRedis, SortFollowsThePatternsOfItsRule) {
  const auto grants = user_of(
      "    allow: [{commands: [sort_ro], read: [\"*\"], arguments: {sort_ro: {by: [\"w_*\"], get: "
      "[\"w_*\"]}}}]\n");
  ASSERT_TRUE(grants);
  EXPECT_EQ(run(*grants, {"SORT_RO", "l", "BY", "w_*"}), "ok");
  EXPECT_EQ(run(*grants, {"SORT_RO", "l", "BY", "nosort", "GET", "w_*", "GET", "#"}), "ok");
  EXPECT_EQ(run(*grants, {"SORT_RO", "l", "BY", "x_*"}), "denied");
}

TEST_F(ArgumentRulesOnRedis, RedisRefusesSortPatternsToWhoeverReadsLess) {
  const auto grants = user_of(
      "    lease: {mode: static}\n    allow: [{commands: [sort_ro], keys: [\"w_*\", l], arguments: "
      "{sort_ro: {by: [\"w_*\"]}}}]\n");
  ASSERT_TRUE(grants);
  EXPECT_THAT(run(*grants, {"SORT_RO", "l", "BY", "w_*"}), HasSubstr("BY option of SORT denied"));
}

TEST_F(ArgumentRulesOnRedis, ConfigGetShowsWhatItsRuleNames) {
  const auto grants =
      user_of("    allow: [{commands: [\"config|get\"], arguments: {\"config|get\": \"*\"}}]\n");
  ASSERT_TRUE(grants);
  EXPECT_EQ(run(*grants, {"CONFIG", "GET", "maxmemory", "save"}), "ok");
  // Every setting that Redis itself calls by a name of secrets stays behind the rule.
  const Reply all = admin_.call({"CONFIG", "GET", "*"});
  ASSERT_TRUE(all);
  std::size_t withheld = 0;
  for (std::size_t i = 0; i < all->elements; i += 2) {
    const std::string name(all->element[i]->str, all->element[i]->len);
    const bool secret = name.ends_with("pass") || name.ends_with("auth") || name == "masteruser";
    const std::string outcome = run(*grants, {"CONFIG", "GET", name});
    EXPECT_TRUE(!secret || outcome == "denied") << name;
    withheld += outcome == "denied" ? 1 : 0;
  }
  EXPECT_GE(withheld, 5U);
  EXPECT_LE(withheld, 8U);
}

// What a broadcast names is chosen by its prefix alone: ACLs say nothing about it.
TEST_F(ArgumentRulesOnRedis, BroadcastsNameKeysOfTheirPrefixOnly) {
  test::RawClient listener(server_.port());
  ASSERT_NE(listener.call({"HELLO", "3"}), "");
  ASSERT_EQ(listener.call({"CLIENT", "TRACKING", "ON", "BCAST", "PREFIX", "a:"}), "+OK\r\n");
  ASSERT_TRUE(admin_.call({"SET", "b:1", "v"}));
  ASSERT_TRUE(admin_.call({"SET", "a:1", "v"}));
  EXPECT_EQ(listener.read_reply(), ">2\r\n$10\r\ninvalidate\r\n*1\r\n$3\r\na:1\r\n");
}

}  // namespace
}  // namespace keyward::policy
