// One policy, two engines: what Grants::decide permits, Redis must permit to the compiled user, and
// to a user made of the policy's own words. The oracle is ACL DRYRUN on a real server, for random
// policies and random commands of the whole table. KEYWARD_PARITY_PAIRS says how many pairs,
// KEYWARD_PARITY_SEED which.
#include "lease/acl_user.h"
#include "support/parity.h"
#include "support/redis_server.h"
#include "support/request_gen.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <set>

namespace keyward {
namespace {

using command::Catalog;
using command::CommandInfo;
using test::Argv;
using test::Hiredis;
using test::Judgement;
using test::Random;
using test::RandomPolicy;
using test::RedisServer;
using test::Reply;
using test::Subject;

constexpr int kUsual = 40'000;      // pairs of an everyday run
constexpr int kUsersAtOnce = 16;    // policies whose users exist together
constexpr int kCommandsEach = 250;  // so one batch holds 8,000 questions

int number_of(const char* variable, int usual) {
  const char* text = std::getenv(variable);
  return text == nullptr ? usual : std::max(1, std::atoi(text));
}

int wanted_pairs() { return number_of("KEYWARD_PARITY_PAIRS", kUsual); }

bool permits(const Reply& reply) {
  return reply && reply->type == REDIS_REPLY_STATUS &&
         std::string_view(reply->str, reply->len) == "OK";
}

std::string shown(const Argv& argv) {
  std::string out;
  for (const std::string& arg : argv) out += (out.empty() ? "" : " ") + testing::PrintToString(arg);
  return out;
}

Argv set_user(const std::string& name, const Argv& rules, const Argv& more = {}) {
  Argv argv{"ACL", "SETUSER", name, "reset", "on", "nopass"};
  argv.insert(argv.end(), rules.begin(), rules.end());
  for (const std::string& pattern : more) argv.push_back("&" + pattern);
  return argv;
}

Argv dry_run(const std::string& user, const Argv& command) {
  Argv argv{"ACL", "DRYRUN", user};
  argv.insert(argv.end(), command.begin(), command.end());
  return argv;
}

// Commands of every session that the proxy answers, so that its upstream user need not have them.
// SELECT as well: links select by themselves, with the number as "+select|0" spells it.
bool answered_by_proxy(const CommandInfo& info, const Argv& argv) {
  static const std::set<std::string> forwarded{"ping",
                                               "echo",
                                               "multi",
                                               "exec",
                                               "discard",
                                               "unwatch",
                                               "client|caching",
                                               "client|getredir",
                                               "client|trackinginfo"};
  if (info.kind == command::Kind::select)
    return argv[1].starts_with('-') || argv[1] != std::to_string(std::atoi(argv[1].c_str()));
  return info.exposure == command::Exposure::session && !forwarded.contains(info.name) &&
         !info.name.starts_with("command");
}

struct Table {
  std::map<std::string, int> rows;
  std::map<std::string, int> features;                         // of the policies
  std::map<const CommandInfo*, std::pair<int, int>> commands;  // allowed, refused
  int pairs = 0, wrong = 0, unclassified = 0;

  void print(const std::string& title, double seconds) const {
    std::printf("\n%s: %d pairs in %.1f s (%.0f a second)\n", title.c_str(), pairs, seconds,
                pairs / seconds);
    for (const auto& [what, count] : rows) std::printf("  %9d  %s\n", count, what.c_str());
    std::printf("  %9d  allowed by the proxy, refused by Redis\n", wrong);
    std::printf("  %9d  stricter, and nobody knows why\n", unclassified);
    for (const auto& [what, count] : features) std::printf("  %9d  %s\n", count, what.c_str());
    std::printf("  %9zu  commands tried\n\n", commands.size());
  }
};

struct Pair {
  Argv argv;
  std::uint32_t db = 0;
  Judgement ours;
};

// One policy with its two users and the requests that are tried on it.
struct Trial {
  Trial(Subject made, RandomPolicy from, std::size_t number)
      : subject(std::move(made)),
        policy(std::move(from)),
        user("kw_parity_" + std::to_string(number)),
        words_user("kw_words_" + std::to_string(number)) {}
  Subject subject;
  RandomPolicy policy;
  std::string user, words_user;
  std::vector<Pair> pairs;
};

class Comparison {
 public:
  Comparison(std::shared_ptr<const Catalog> catalog, Hiredis& redis, bool exact)
      : catalog_(std::move(catalog)),
        redis_(redis),
        exact_(exact),
        policies_(*catalog_, random_),
        requests_(*catalog_, random_) {}

  Table table;

  void round() {
    std::vector<Trial> trials;
    for (std::size_t i = 0; i < kUsersAtOnce; ++i) trials.push_back(trial(i));
    for (const Trial& each : trials) make_users(each);
    if (testing::Test::HasFailure()) return;
    for (const Trial& each : trials) {
      for (const Pair& pair : each.pairs) {
        redis_.append(dry_run(each.user, pair.argv));
        if (exact_) redis_.append(dry_run(each.words_user, pair.argv));
      }
    }
    std::vector<std::pair<const Trial*, const Pair*>> psubscribes;
    for (const Trial& each : trials) {
      for (const Pair& pair : each.pairs) {
        const bool theirs = permits(redis_.next());
        const bool words = exact_ && permits(redis_.next());
        compare(each, pair, theirs, psubscribes);
        if (exact_) compare_words(each, pair, words);
      }
    }
    for (const auto& [each, pair] : psubscribes) with_literals(*each, *pair);
    for (const Trial& each : trials) probe(each);
  }

  [[nodiscard]] const test::RequestGenerator& requests() const { return requests_; }

 private:
  Trial trial(std::size_t number) {
    for (;;) {
      RandomPolicy policy = policies_.make();
      auto full = test::load_grants(policy.text, catalog_);
      if (!full) continue;
      auto bare = test::load_grants(policy.bare, catalog_);
      if (!bare) continue;
      count_features(policy.text);
      Trial out({std::move(full), std::move(bare), *catalog_}, std::move(policy), number);
      for (int i = 0; i < kCommandsEach; ++i) out.pairs.push_back(pair(out));
      return out;
    }
  }

  void count_features(const std::string& text) {
    ++table.features["policies"];
    for (const char* feature : {"namespace:", "mode: observe", "databases:", "max_value:", "ttl:",
                                "read:", "write:", "channels:"}) {
      if (text.find(feature) != std::string::npos)
        ++table.features[std::string("policies with ") + feature];
    }
  }

  Pair pair(const Trial& trial) {
    const policy::Grants& grants = trial.subject.grants();
    Pair out;
    out.argv = requests_.make(random_() % 10 < 7 ? granted(grants) : nullptr, trial.policy.names);
    out.db = random_() % 10 == 0 ? 2 : grants.databases().front();
    out.ours = trial.subject.judge(out.argv, out.db);
    return out;
  }

  const CommandInfo* granted(const policy::Grants& grants) {
    const policy::Entry& entry = test::pick(random_, grants.entries());
    for (int i = 0; i < 200; ++i) {
      const CommandInfo* info = test::pick(random_, requests_.table());
      if (entry.commands.contains(info->id)) return info;
    }
    return nullptr;
  }

  void make_users(const Trial& trial) {
    redis_.append(set_user(trial.user, trial.subject.grants().acl().tokens));
    ASSERT_EQ(test::text_of(redis_.next()), "OK")
        << shown(trial.subject.grants().acl().tokens) << "\n"
        << trial.policy.text;
    if (!exact_) return;
    redis_.append(set_user(trial.words_user, trial.policy.words));
    ASSERT_EQ(test::text_of(redis_.next()), "OK") << shown(trial.policy.words) << "\n"
                                                  << trial.policy.text;
  }

  static std::string about(const Trial& trial, const Pair& pair) {
    return shown(pair.argv) + " in database " + std::to_string(pair.db) + "\n" + trial.policy.text;
  }

  void compare(const Trial& trial, const Pair& pair, bool theirs,
               std::vector<std::pair<const Trial*, const Pair*>>& psubscribes) {
    const Judgement& ours = pair.ours;
    ++table.pairs;
    if (ours.info != nullptr) {
      auto& [allowed, refused] = table.commands[ours.info];
      ++(ours.allowed ? allowed : refused);
    }
    if (ours.allowed == theirs) {
      ++table.rows[theirs ? "agree: allowed" : "agree: refused"];
    } else if (theirs) {
      const auto rule = trial.subject.stricter(pair.argv, pair.db);
      if (!rule && !exact_) {
        ++table.rows["stricter, without selectors the user has the union of all entries"];
        return;
      }
      ++table.rows["stricter, " + rule.value_or("?")];
      if (rule) return;
      ++table.unclassified;
      ADD_FAILURE() << "refused by the proxy, allowed by Redis: " << about(trial, pair);
    } else if (ours.session && answered_by_proxy(*ours.info, pair.argv)) {
      ++table.rows["answered by the proxy, not the upstream user's business"];
    } else if (!ours.literal.empty()) {
      psubscribes.emplace_back(&trial, &pair);
    } else {
      ++table.wrong;
      ADD_FAILURE() << "allowed by the proxy, refused by Redis: " << about(trial, pair);
    }
  }

  // The words grant at least what Keyward does, sessions and what it adds to users left out.
  void compare_words(const Trial& trial, const Pair& pair, bool theirs) {
    const Judgement& ours = pair.ours;
    if (ours.allowed == theirs) {
      ++table.rows[theirs ? "words agree: allowed" : "words agree: refused"];
    } else if (!theirs) {
      const bool apart =
          ours.session || ours.observed || ours.info->kind == command::Kind::psubscribe;
      if (apart) {
        ++table.rows["words: sessions, observing and PSUBSCRIBE by containment"];
        return;
      }
      ++table.wrong;
      ADD_FAILURE() << "allowed by the proxy, refused by the policy's words: "
                    << about(trial, pair);
    } else {
      auto rule = trial.subject.stricter_than_words(pair.argv);
      if (!rule) rule = trial.subject.stricter(pair.argv, pair.db);
      ++table.rows["words stricter, " + rule.value_or("?")];
      if (rule) return;
      ++table.unclassified;
      ADD_FAILURE() << "refused by the proxy, allowed by the policy's words: "
                    << about(trial, pair);
    }
  }

  // As the lease does it: the patterns are added to the user, then the command is sent.
  void with_literals(const Trial& trial, const Pair& pair) {
    for (const std::string& pattern : pair.ours.literal) {
      if (lease::check_literal(pattern).has_value()) continue;
      ++table.rows["stricter, PSUBSCRIBE: no ACL rule can hold the pattern"];
      return;
    }
    const Argv& rules = trial.subject.grants().acl().tokens;
    redis_.append(set_user(trial.user, rules, pair.ours.literal));
    redis_.append(dry_run(trial.user, pair.argv));
    redis_.append(set_user(trial.user, rules));
    ASSERT_EQ(test::text_of(redis_.next()), "OK") << about(trial, pair);
    const bool theirs = permits(redis_.next());
    EXPECT_TRUE(theirs) << about(trial, pair);
    redis_.next();
    ++table.rows["agree: allowed after the literal pattern was made known"];
    if (!theirs) ++table.wrong;
  }

  void probe(const Trial& trial) {
    const auto& probes = trial.subject.grants().acl().probes;
    for (const auto& one : probes) redis_.append(dry_run(trial.user, one.argv));
    for (const auto& one : probes) {
      EXPECT_EQ(permits(redis_.next()), one.allowed) << shown(one.argv) << "\n"
                                                     << trial.policy.text;
      ++table.rows[one.allowed ? "probes that must pass" : "probes that must fail"];
    }
  }

  std::shared_ptr<const Catalog> catalog_;
  Hiredis& redis_;
  bool exact_;
  Random random_{static_cast<std::uint64_t>(number_of("KEYWARD_PARITY_SEED", 20240611))};
  test::PolicyGenerator policies_;
  test::RequestGenerator requests_;
};

void compare(const command::ServerVersion& version, int pairs, bool exact, const char* title) {
  RedisServer server;
  Hiredis redis = server.hiredis();
  auto catalog = Catalog::from_reply(server.raw().call({"COMMAND"}), version);
  ASSERT_TRUE(catalog);
  Comparison comparison(*catalog, redis, exact);
  Table& table = comparison.table;
  const auto start = std::chrono::steady_clock::now();
  const auto seconds = [&start] {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  };
  while (table.pairs < pairs && !testing::Test::HasFailure()) {
    comparison.round();
    if (pairs > kUsual)
      std::fprintf(stderr, "\r%d of %d pairs, %.0f s ", table.pairs, pairs, seconds());
  }
  table.print(title, seconds());
  EXPECT_EQ(table.wrong, 0);
  EXPECT_EQ(table.unclassified, 0);
  if (testing::Test::HasFailure()) return;
  EXPECT_GT(table.rows["agree: allowed"], table.pairs / 10);
  EXPECT_GT(table.rows["agree: refused"], table.pairs / 10);
  for (const CommandInfo* info : comparison.requests().table()) {
    const auto& [allowed, refused] = table.commands[info];
    EXPECT_GT(allowed + refused, 0) << info->name;
    if (pairs < 500'000) continue;
    const bool open = info->exposure == command::Exposure::session || info->key_specs.empty();
    EXPECT_TRUE(allowed > 0 || info->exposure == command::Exposure::never) << info->name;
    EXPECT_TRUE(refused > 0 || open) << info->name;
  }
}

TEST(PolicyParity, DecisionsAgreeWithAclDryrun) {
  compare({.major = 7, .minor = 0, .patch = 15}, wanted_pairs(), true,
          "decide against ACL DRYRUN, rules for 7.0");
}

// The rules for a server without selectors are wider by design; they must not be narrower.
TEST(PolicyParity, RulesWithoutSelectorsAllowWhatThePolicyAllows) {
  compare({.major = 6, .minor = 2, .patch = 14}, wanted_pairs() / 8, false,
          "decide against ACL DRYRUN, rules for 6.2");
}

}  // namespace
}  // namespace keyward
