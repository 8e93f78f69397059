// What else the policy and the ACL user made of it must agree on: globs, literal patterns of
// PSUBSCRIBE, and what scripts reach.
#include "support/parity.h"
#include "support/redis_server.h"

#include "keyward/policy/glob.h"
#include "keyward/policy/snapshot.h"

#include <gtest/gtest.h>

#include <fstream>
#include <set>

namespace keyward::policy {
namespace {

using command::Catalog;
using test::Argv;
using test::Hiredis;
using test::Random;
using test::RedisServer;
using test::Reply;

std::shared_ptr<const Catalog> catalog_of(const RedisServer& server,
                                          const command::ServerVersion& version) {
  auto catalog = Catalog::from_reply(server.raw().call({"COMMAND"}), version);
  return catalog ? *catalog : nullptr;
}

Argv set_user(const AclRules& rules, const Argv& patterns = {}) {
  Argv argv{"ACL", "SETUSER", "kw_parity", "reset", "on", "nopass"};
  argv.insert(argv.end(), rules.tokens.begin(), rules.tokens.end());
  for (const std::string& pattern : patterns) argv.push_back("&" + pattern);
  return argv;
}

Argv dry_run(const Argv& command) {
  Argv argv{"ACL", "DRYRUN", "kw_parity"};
  argv.insert(argv.end(), command.begin(), command.end());
  return argv;
}

bool permits(const Reply& reply) {
  return reply && reply->type == REDIS_REPLY_STATUS &&
         std::string_view(reply->str, reply->len) == "OK";
}

TEST(PolicyAcl, GlobMatchesAsTheServerDoes) {
  RedisServer server;
  Hiredis redis = server.hiredis();
  Random random(5);
  constexpr std::string_view kPattern = "aab*?[]^-\\\xf0z*";
  constexpr std::string_view kText = "aab]-^\\\xf0z*[";
  const auto text = [&](std::string_view alphabet, std::size_t most) {
    std::string out(random() % (most + 1), ' ');
    for (char& c : out) c = alphabet[random() % alphabet.size()];
    return out;
  };
  int matched = 0;
  for (int round = 0; round < 50; ++round) {
    redis.call({"FLUSHALL"});
    std::set<std::string> keys;
    for (int i = 0; i < 40; ++i) keys.insert(text(kText, 7));
    for (const std::string& key : keys) redis.call({"SET", key, "v"});
    std::vector<std::string> patterns;
    for (int i = 0; i < 500; ++i) patterns.push_back(text(kPattern, 10));
    for (const std::string& pattern : patterns) redis.append({"KEYS", pattern});
    for (const std::string& pattern : patterns) {
      const Reply reply = redis.next();
      ASSERT_TRUE(reply);
      std::set<std::string> theirs;
      for (std::size_t i = 0; i < reply->elements; ++i)
        theirs.insert({reply->element[i]->str, reply->element[i]->len});
      std::set<std::string> ours;
      // KEYS takes "*" alone as every key, the empty one too; a pattern of an ACL does not.
      for (const std::string& key : keys) {
        if (pattern == "*" || glob_match(pattern, key)) ours.insert(key);
      }
      ASSERT_EQ(ours, theirs) << testing::PrintToString(pattern);
      matched += static_cast<int>(ours.size());
    }
  }
  EXPECT_GT(matched, 1'000);
}

// Redis wants every pattern of one PSUBSCRIBE in one place, those it holds already and those made
// known just before.
TEST(PolicyAcl, PsubscribeMixesGrantedAndNarrowerPatterns) {
  RedisServer server;
  Hiredis redis = server.hiredis();
  const auto catalog = catalog_of(server, {.major = 7, .minor = 0, .patch = 15});
  ASSERT_TRUE(catalog);
  const auto grants = test::load_grants(
      "apiVersion: keyward/v1\nteam: t\ngrants:\n  - name: g\n    who: [{issuer: x, subject: "
      "\"*\"}]\n"
      "    allow:\n      - {commands: [psubscribe], channels: [\"c:*\", \"d:*\"]}\n",
      catalog);
  ASSERT_TRUE(grants);
  const Argv argv{"PSUBSCRIBE", "c:*", "c:x\"*", "d:y*"};
  const test::Judgement judged = test::Subject(grants, grants, *catalog).judge(argv, 0);
  EXPECT_TRUE(judged.allowed);
  EXPECT_EQ(judged.literal, (std::vector<std::string>{"c:x\"*", "d:y*"}));
  ASSERT_EQ(test::text_of(redis.call(set_user(grants->acl()))), "OK");
  EXPECT_FALSE(permits(redis.call(dry_run(argv))));
  EXPECT_TRUE(permits(redis.call(dry_run({"PSUBSCRIBE", "c:*", "d:*"}))));
  ASSERT_EQ(test::text_of(redis.call(set_user(grants->acl(), judged.literal))), "OK");
  EXPECT_TRUE(permits(redis.call(dry_run(argv))));
  EXPECT_FALSE(permits(redis.call(dry_run({"PSUBSCRIBE", "c:z*"}))));
  EXPECT_FALSE(permits(redis.call(dry_run({"SUBSCRIBE", "c:1"}))));
}

// What SELECT allows inside a script, the proxy cannot see: the rules must hold it.
TEST(PolicyAcl, ScriptsStayInTheGrantedDatabasesAndKeys) {
  RedisServer server;
  Hiredis redis = server.hiredis();
  const auto catalog = catalog_of(server, {.major = 7, .minor = 0, .patch = 15});
  ASSERT_TRUE(catalog);
  const test::TempDir dir;
  std::ofstream(dir.file("p.yaml"))
      << "apiVersion: keyward/v1\nteam: t\ngrants:\n  - name: g\n"
         "    who: [{issuer: x, subject: \"*\"}]\n    databases: [0, 3]\n    allow:\n"
         "      - {commands: [eval, get, set, scan], keys: [\"a:*\"]}\n";
  Diagnostics diagnostics;
  const auto snapshot = Snapshot::load(dir.path(), catalog, {}, diagnostics);
  ASSERT_TRUE(snapshot) << diagnostics.text();
  const auto grants = *snapshot->grants_named("g");
  ASSERT_EQ(test::text_of(redis.call(set_user(grants->acl()))), "OK");
  ASSERT_EQ(test::text_of(redis.call({"AUTH", "kw_parity", "any"})), "OK");
  const auto fails = [&](const std::string& body) {
    return redis.call({"EVAL", "return redis.call(" + body + ")", "0"})->type == REDIS_REPLY_ERROR;
  };
  EXPECT_FALSE(fails("'set', 'a:1', 'v'"));
  EXPECT_FALSE(fails("'select', 3"));
  EXPECT_TRUE(fails("'select', 1"));
  EXPECT_TRUE(fails("'get', 'b:1'"));
  EXPECT_TRUE(fails("'scan', 0"));
  EXPECT_TRUE(fails("'publish', 'a:1', 'm'"));
}

}  // namespace
}  // namespace keyward::policy
