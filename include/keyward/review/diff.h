// What changes between two policy folders, in terms of who gains or loses what.
#pragma once

#include "keyward/policy/snapshot.h"

#include <boost/json/object.hpp>

#include <cstdint>
#include <string>
#include <vector>

namespace keyward::review {

// Commands that somebody may run on some names in one of the folders and not in the other.
struct ReachChange {
  enum class How : std::uint8_t { added, widened, removed, narrowed };
  enum class On : std::uint8_t { keys, channels, nothing };
  How how = How::added;
  On on = On::keys;
  std::vector<std::string> commands;  // sorted
  std::vector<std::string> patterns;
  std::string other;        // widened: from this pattern; narrowed: to this one
  std::uint8_t access = 0;  // of keys: 1 read, 2 write; 0 = existence and type
  std::vector<std::uint32_t> databases;
  std::string grant, rule;  // "airflow-worker", "airflow.yaml:12"
  [[nodiscard]] bool gain() const { return how == How::added || how == How::widened; }
};

struct PeopleChange {
  std::vector<std::string> who;  // "{issuer: okta, groups: [airflow-workers]}"
  std::vector<std::string> grants_before, grants_after;
  std::vector<ReachChange> changes;  // gains first
  // The grants differ and the rights do not.
  [[nodiscard]] bool moved() const { return changes.empty(); }
};

struct SettingChange {
  enum class Way : std::uint8_t { looser, tighter, other };
  Way way = Way::other;
  std::string grant, what;  // "limits.connections"
  std::string before, after;
};

struct PolicyDiff {
  std::string version_before, version_after;
  std::vector<std::string> new_grants, removed_grants;
  std::vector<std::pair<std::string, std::string>> renamed_grants;
  std::vector<PeopleChange> people;
  std::vector<SettingChange> settings;
  [[nodiscard]] bool empty() const;
};

[[nodiscard]] PolicyDiff diff(const policy::Snapshot& before, const policy::Snapshot& after);

[[nodiscard]] std::string diff_text(const PolicyDiff& diff);
// For a pull request: a table, gains first.
[[nodiscard]] std::string diff_markdown(const PolicyDiff& diff);
[[nodiscard]] boost::json::object diff_json(const PolicyDiff& diff);

}  // namespace keyward::review
