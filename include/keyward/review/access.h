// Who can reach a key, what can somebody reach, and what of it was used.
#pragma once

#include "keyward/policy/snapshot.h"
#include "keyward/review/judge.h"
#include "keyward/review/trail.h"

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace keyward::review {

// One rule by which one grant reaches a key.
struct KeyReach {
  std::string grant, team, rule;  // "airflow.yaml:12"
  std::vector<std::string> who;
  std::string pattern;
  bool read = false, write = false;
  std::vector<std::string> commands;  // that name keys
  std::vector<std::uint32_t> databases;
  std::string when;       // "{subject} is dev.1" of a pattern with a template
  bool observes = false;  // only recorded, by `mode: observe`
};
[[nodiscard]] std::vector<KeyReach> who_reaches(const policy::Snapshot& snapshot,
                                                std::string_view key,
                                                std::optional<std::uint32_t> db);

// One rule of somebody's grants.
struct RuleReach {
  std::string grant, rule;
  std::vector<std::string> commands;
  std::vector<std::string> read_write, read, write, channels;
  std::vector<std::uint32_t> databases;
  bool reads = false, writes = false;  // what its commands do to keys at most
  bool observes = false;
};
[[nodiscard]] std::vector<RuleReach> what_is_reached(const policy::Grants& grants,
                                                     const command::Catalog& catalog);

// "{issuer: okta, groups: [airflow-workers]}"
[[nodiscard]] std::string who_text(const policy::Who& who);

struct Used {
  std::uint64_t count = 0, last_us = 0;
  std::set<std::string> people;  // principals, at most kMostPeople
  static constexpr std::size_t kMostPeople = 1000;
  void add(const Record& record);
};

// Who used one key.
struct KeyUser {
  std::string principal, people;
  std::uint64_t reads = 0, writes = 0, refused = 0, last_us = 0;
  std::set<std::string> commands, rules;  // rules as they were then
};

// Follows a trail for the questions above.
class UsageOf {
 public:
  // `key` empty = every key.
  UsageOf(std::shared_ptr<const policy::Snapshot> snapshot, std::string key,
          std::optional<std::uint32_t> db);
  // Without a key: the rule of the folder that an accepted command counts for; else null.
  const policy::RuleRef* add(const Record& record);

  [[nodiscard]] std::vector<KeyUser> users() const;  // of the key, newest first
  // By "grant, file:line" of the folder as it is now, and by grant.
  [[nodiscard]] const std::map<std::string, Used>& rules() const { return rules_; }
  [[nodiscard]] const std::map<std::string, Used>& grants() const { return grants_; }
  [[nodiscard]] std::uint64_t unattributed() const { return unattributed_; }

 private:
  Judge judge_;
  std::string key_;
  std::optional<std::uint32_t> db_;
  std::map<std::string, KeyUser> users_;
  std::map<std::string, Used> rules_, grants_;
  std::uint64_t unattributed_ = 0;
};

}  // namespace keyward::review
