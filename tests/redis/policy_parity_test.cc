// One policy, two engines: what Grants::decide permits, Redis must permit to the compiled user. The
// oracle is ACL DRYRUN on a real server, for random policies and random commands.
#include "support/command_gen.h"
#include "support/redis_server.h"
#include "support/temp_dir.h"

#include "keyward/policy/glob.h"
#include "keyward/policy/snapshot.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <map>
#include <random>
#include <set>

namespace keyward::policy {
namespace {

using command::Catalog;
using command::CommandInfo;
using test::Hiredis;
using test::RedisServer;
using test::Reply;
using Argv = std::vector<std::string>;
using Random = std::mt19937_64;

constexpr int kPolicies = 400;
constexpr int kCommandsEach = 500;

template <class T>
const T& pick(Random& random, const std::vector<T>& from) {
  return from[random() % from.size()];
}

std::shared_ptr<const Catalog> catalog_of(const RedisServer& server,
                                          const command::ServerVersion& version) {
  auto catalog = Catalog::from_reply(server.raw().call({"COMMAND"}), version);
  return catalog ? *catalog : nullptr;
}

// Names, patterns and channels meet often enough that both answers come up for every kind of
// pattern.
const std::vector<std::string>& names() {
  static const std::vector<std::string> all{"a:1",
                                            "a:b2",
                                            "a:b:3",
                                            "b:1",
                                            "b:c",
                                            "app:x",
                                            "app2:x",
                                            "a\"q",
                                            "a'q",
                                            "a:\x06\x16"
                                            "3",
                                            "a\\x",
                                            "[x]",
                                            "{t}:1",
                                            "a:\xc3\xbc",
                                            "x",
                                            "__Booksleeve_MasterChanged",
                                            "a:*",
                                            "b:?",
                                            "a:b*"};
  return all;
}
const std::vector<std::string>& globs() {
  static const std::vector<std::string> all{
      "a:*",    "a:b*", "b:*", "app:*",       "*",      "*:1",   "a?1",     "[ab]:[1-3]",
      "[^a]:*", "a\"*", "a'*", "a:\x06\x16*", "a\\\\*", "\\[x]", "\\{t}:*", "a:\xc3\xbc*",
      "x",      "a:1",  "*b*", "a:[b",        "b:\\?",  "a:\\*"};
  return all;
}

// A YAML double-quoted scalar.
std::string yaml_text(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    char hex[8];
    if (c == '"' || c == '\\') {
      out += std::string("\\") + c;
    } else if (c >= 0 && c < ' ') {
      std::snprintf(hex, sizeof hex, "\\x%02x", static_cast<unsigned>(c));
      out += hex;
    } else {
      out += c;
    }
  }
  return out + '"';
}

std::string some_globs(Random& random) {
  std::string out;
  for (std::size_t i = 1 + random() % 3; i > 0; --i)
    out += (out.empty() ? "" : ", ") + yaml_text(pick(random, globs()));
  return "[" + out + "]";
}

class PolicyWriter {
 public:
  PolicyWriter(const Catalog& catalog, Random& random) : catalog_(catalog), random_(random) {}

  std::string write() {
    std::string out = "apiVersion: keyward/v1\nteam: t\ngrants:\n";
    for (std::size_t i = 1 + random_() % 2; i > 0; --i) {
      out += "  - name: g" + std::to_string(i) + "\n    who: [{issuer: x, subject: \"*\"}]\n";
      if (random_() % 3 == 0) out += "    databases: [0, 2]\n";
      if (random_() % 8 == 0) out += "    limits: {max_value: 6}\n";
      out += "    allow:\n";
      for (std::size_t entries = 1 + random_() % 4; entries > 0; --entries) out += entry();
    }
    return out;
  }

 private:
  std::string entry() {
    std::string out = "      - commands: [" + words() + "]\n";
    if (random_() % 8 != 0) out += "        keys: " + some_globs(random_) + "\n";
    if (random_() % 3 == 0) out += "        read: " + some_globs(random_) + "\n";
    if (random_() % 3 == 0) out += "        write: " + some_globs(random_) + "\n";
    if (random_() % 2 == 0) out += "        channels: " + some_globs(random_) + "\n";
    return out;
  }

  std::string words() {
    std::vector<std::string> out;
    for (std::size_t i = 1 + random_() % 4; i > 0; --i) {
      if (random_() % 2 == 0) {
        out.push_back("@" + pick(random_, catalog_.categories()));
      } else {
        out.push_back(grantable());
      }
    }
    if (random_() % 3 == 0) out.push_back("-@" + pick(random_, catalog_.categories()));
    if (random_() % 3 == 0) out.push_back("-" + grantable());
    std::string text;
    for (const std::string& word : out) text += (text.empty() ? "" : ", ") + yaml_text(word);
    return text;
  }

  std::string grantable() {
    while (true) {
      const CommandInfo& info = pick(random_, catalog_.all());
      if (info.exposure != command::Exposure::never && !info.container) return info.name;
    }
  }

  const Catalog& catalog_;
  Random& random_;
};

// The same policy with and without what an ACL cannot say: databases and limits.
struct Both {
  std::shared_ptr<const Grants> full, bare;
};

std::shared_ptr<const Grants> load(const std::string& text,
                                   std::shared_ptr<const Catalog> catalog) {
  const test::TempDir dir;
  std::ofstream(dir.file("p.yaml"), std::ios::binary) << text;
  Diagnostics diagnostics;
  const auto snapshot = Snapshot::load(dir.path(), std::move(catalog), {}, diagnostics);
  if (!snapshot) return nullptr;
  identity::Principal someone;
  someone.issuer_alias = "x";
  someone.subject = "s";
  const auto grants = snapshot->grants_for(someone);
  return grants ? *grants : nullptr;
}

std::string without_extras(const std::string& text) {
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = text.find('\n', at) + 1;
    const std::string line = text.substr(at, end - at);
    if (!line.starts_with("    databases") && !line.starts_with("    limits")) out += line;
    at = end;
  }
  return out;
}

Both random_grants(const std::shared_ptr<const Catalog>& catalog, Random& random) {
  for (int attempt = 0; attempt < 100; ++attempt) {
    const std::string text = PolicyWriter(*catalog, random).write();
    const auto full = load(text, catalog);
    // Not every text is a policy: an entry without keys, a flush without every key ...
    if (full) return {full, load(without_extras(text), catalog)};
  }
  return {};
}

Argv set_user(const AclRules& rules, const std::vector<std::string>& more = {}) {
  Argv argv{"ACL", "SETUSER", "kw_parity", "reset", "on", "nopass"};
  argv.insert(argv.end(), rules.tokens.begin(), rules.tokens.end());
  argv.insert(argv.end(), more.begin(), more.end());
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

std::string shown(const Argv& argv) {
  std::string out;
  for (const std::string& arg : argv) out += (out.empty() ? "" : " ") + testing::PrintToString(arg);
  return out;
}

struct Judged {
  Argv argv;
  bool allowed = false;
  bool session = false;              // allowed without a grant
  std::vector<std::string> literal;  // patterns to be made known first
  std::string reason;                // of a refusal
  const CommandInfo* info = nullptr;
};

std::string reason_name(DenialReason reason) {
  switch (reason) {
    case DenialReason::command:
      return "command";
    case DenialReason::key:
      return "key";
    case DenialReason::channel:
      return "channel";
    case DenialReason::database:
      return "database: an ACL knows none, and another of these besides";
    case DenialReason::keyspace_scan:
      return "keyspace scan: an ACL does not hold it to the key patterns";
    case DenialReason::never:
      return "never";
    case DenialReason::limit:
      return "limit";
  }
  return "?";
}

Judged judge(const Both& both, const Catalog& catalog, Argv argv, std::uint32_t db) {
  const Grants& grants = *both.full;
  Judged out;
  out.argv = std::move(argv);
  const std::vector<std::string_view> views(out.argv.begin(), out.argv.end());
  command::Command command;
  const command::Analysis analysis = command::analyse(catalog, views, command);
  out.info = catalog.find(views);
  if (analysis.verdict != command::Verdict::ok) {
    out.reason = "grammar: ambiguous, unsafe or malformed arguments";
    return out;
  }
  const Decision decision = grants.decide(command, {.db = db});
  if (const auto* denial = std::get_if<Denial>(&decision)) {
    out.reason = reason_name(denial->reason);
    if (std::holds_alternative<Permit>(both.bare->decide(command, {}))) {
      out.reason = "databases and max_value: an ACL knows neither";
    }
    if (denial->reason == DenialReason::command &&
        command.info->kind == command::Kind::unsubscribe) {
      out.reason = "unsubscribe: open to every user for the preamble of StackExchange.Redis";
    }
    if (denial->reason == DenialReason::key && command.info->name == "xreadgroup") {
      out.reason = "xreadgroup: judged as a write too, for it moves the group's pending list";
    }
    if (denial->reason == DenialReason::channel &&
        command.info->kind == command::Kind::psubscribe) {
      out.reason = "psubscribe: the patterns of one PSUBSCRIBE must lie in one entry";
    }
    return out;
  }
  out.allowed = true;
  out.session = std::get<Permit>(decision).rule().grant == "session";
  if (command.info->kind == command::Kind::psubscribe) {
    for (const command::ChannelUse& use : command.channels) {
      if (grants.needs_literal_channel(out.argv[use.arg]))
        out.literal.push_back("&" + out.argv[use.arg]);
    }
  }
  return out;
}

// Commands of every session that the proxy answers, so that its upstream user need not have them.
bool answered_by_proxy(const CommandInfo& info) {
  static const std::set<std::string> forwarded{"ping",    "echo",    "multi", "exec",
                                               "discard", "unwatch", "select"};
  return info.exposure == command::Exposure::session && !forwarded.contains(info.name) &&
         !info.name.starts_with("command");
}

struct Table {
  std::map<std::string, int> rows;
  int pairs = 0;
  int wrong = 0;
  void print(const char* title) const {
    std::printf("\n%s: %d pairs\n", title, pairs);
    for (const auto& [what, count] : rows) std::printf("  %8d  %s\n", count, what.c_str());
    std::printf("  %8d  allowed by the proxy, refused by Redis\n\n", wrong);
  }
};

class Comparison {
 public:
  Comparison(Hiredis& redis, const Catalog& catalog, Table& table)
      : redis_(redis), catalog_(catalog), table_(table) {}

  void run(const Grants& grants, const std::vector<Judged>& batch, bool exact) {
    for (const Judged& one : batch) redis_.append(dry_run(one.argv));
    std::vector<const Judged*> again;
    for (const Judged& one : batch) {
      const bool theirs = permits(redis_.next());
      ++table_.pairs;
      if (one.allowed == theirs) {
        ++table_.rows[theirs ? "agree: allowed" : "agree: refused"];
      } else if (theirs) {
        stricter(one, exact, grants.acl().tokens);
      } else if (one.session && answered_by_proxy(*one.info)) {
        ++table_.rows["answered by the proxy, not the upstream user's business"];
      } else if (!one.literal.empty()) {
        again.push_back(&one);
      } else {
        ++table_.wrong;
        ADD_FAILURE() << "allowed by the proxy, refused by Redis: " << shown(one.argv) << "\n"
                      << shown(grants.acl().tokens);
      }
    }
    for (const Judged* one : again) with_literals(grants, *one);
  }

 private:
  void stricter(const Judged& one, bool exact, const Argv& rules) {
    ++table_.rows["stricter, " + one.reason];
    // These have one meaning in both engines: a difference is a bug in one of the two compilations.
    const bool same = one.reason == "command" || one.reason == "key" || one.reason == "channel" ||
                      one.reason == "never";
    if (exact && same)
      ADD_FAILURE() << "refused by the proxy (" << one.reason
                    << "), allowed by Redis: " << shown(one.argv) << "\n"
                    << shown(rules);
  }

  void with_literals(const Grants& grants, const Judged& one) {
    ASSERT_EQ(test::text_of(redis_.call(set_user(grants.acl(), one.literal))), "OK");
    EXPECT_TRUE(permits(redis_.call(dry_run(one.argv)))) << shown(one.argv) << "\n"
                                                         << shown(grants.acl().tokens);
    redis_.call(set_user(grants.acl()));
    ++table_.rows["agree: allowed after the literal pattern was made known"];
  }

  Hiredis& redis_;
  const Catalog& catalog_;
  Table& table_;
};

// Of the whole table of commands, and oftener of those that are granted.
Argv random_argv(const Grants& grants, const Catalog& catalog, Random& random) {
  if (random() % 10 < 7) {
    const Entry& entry = pick(random, grants.entries());
    for (int i = 0; i < 200; ++i) {
      const CommandInfo& info = pick(random, catalog.all());
      if (entry.commands.contains(info.id) && info.on_server)
        return test::random_request(info, random, names());
    }
  }
  return test::random_command(catalog, random, names());
}

void compare(const command::ServerVersion& version, int policies, bool exact, const char* title) {
  RedisServer server;
  Hiredis redis = server.hiredis();
  const auto catalog = catalog_of(server, version);
  ASSERT_TRUE(catalog);
  Random random(20240611);
  Table table;
  Comparison comparison(redis, *catalog, table);
  for (int policy = 0; policy < policies; ++policy) {
    const Both both = random_grants(catalog, random);
    const auto& grants = both.full;
    ASSERT_TRUE(grants && both.bare);
    ASSERT_EQ(test::text_of(redis.call(set_user(grants->acl()))), "OK")
        << shown(grants->acl().tokens);
    std::vector<Judged> batch;
    for (int i = 0; i < kCommandsEach; ++i) {
      const std::uint32_t db = random() % 10 == 0 ? 2 : grants->databases().front();
      batch.push_back(judge(both, *catalog, random_argv(*grants, *catalog, random), db));
    }
    comparison.run(*grants, batch, exact);
    for (const AclRules::Probe& probe : grants->acl().probes) {
      EXPECT_EQ(permits(redis.call(dry_run(probe.argv))), probe.allowed) << shown(probe.argv);
      ++table.rows[probe.allowed ? "probes that must pass" : "probes that must fail"];
    }
    if (testing::Test::HasFailure()) break;
  }
  table.print(title);
  EXPECT_EQ(table.wrong, 0);
  if (!testing::Test::HasFailure()) {
    EXPECT_GE(table.pairs, policies * kCommandsEach);
    EXPECT_GT(table.rows["agree: allowed"], table.pairs / 10);
    EXPECT_GT(table.rows["agree: refused"], table.pairs / 10);
  }
}

TEST(PolicyParity, DecisionsAgreeWithAclDryrun) {
  compare({.major = 7, .minor = 0, .patch = 15}, kPolicies, true,
          "decide against ACL DRYRUN, rules for 7.0");
}

// The rules for a server without selectors are wider by design; they must not be narrower.
TEST(PolicyParity, RulesWithoutSelectorsAllowWhatThePolicyAllows) {
  compare({.major = 6, .minor = 2, .patch = 14}, kPolicies / 8, false,
          "decide against ACL DRYRUN, rules for 6.2");
}

TEST(PolicyParity, GlobMatchesAsTheServerDoes) {
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
TEST(PolicyParity, PsubscribeMixesGrantedAndNarrowerPatterns) {
  RedisServer server;
  Hiredis redis = server.hiredis();
  const auto catalog = catalog_of(server, {.major = 7, .minor = 0, .patch = 15});
  ASSERT_TRUE(catalog);
  const auto grants = load(
      "apiVersion: keyward/v1\nteam: t\ngrants:\n  - name: g\n    who: [{issuer: x, subject: "
      "\"*\"}]\n"
      "    allow:\n      - {commands: [psubscribe], channels: [\"c:*\", \"d:*\"]}\n",
      catalog);
  ASSERT_TRUE(grants);
  const Argv argv{"PSUBSCRIBE", "c:*", "c:x\"*", "d:y*"};
  const Judged judged = judge({grants, grants}, *catalog, argv, 0);
  EXPECT_TRUE(judged.allowed);
  EXPECT_EQ(judged.literal, (std::vector<std::string>{"&c:x\"*", "&d:y*"}));
  ASSERT_EQ(test::text_of(redis.call(set_user(grants->acl()))), "OK");
  EXPECT_FALSE(permits(redis.call(dry_run(argv))));
  EXPECT_TRUE(permits(redis.call(dry_run({"PSUBSCRIBE", "c:*", "d:*"}))));
  ASSERT_EQ(test::text_of(redis.call(set_user(grants->acl(), judged.literal))), "OK");
  EXPECT_TRUE(permits(redis.call(dry_run(argv))));
  EXPECT_FALSE(permits(redis.call(dry_run({"PSUBSCRIBE", "c:z*"}))));
  EXPECT_FALSE(permits(redis.call(dry_run({"SUBSCRIBE", "c:1"}))));
}

// What SELECT allows inside a script, the proxy cannot see: the rules must hold it.
TEST(PolicyParity, ScriptsStayInTheGrantedDatabasesAndKeys) {
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
