// A policy folder in the words of a report, and how it came to be what it is.
#pragma once

#include "keyward/policy/snapshot.h"
#include "keyward/review/access.h"

#include <cstdint>
#include <string>
#include <vector>

namespace keyward::report {

struct RuleView {
  std::string grant, rule;  // "airflow-worker", "airflow.yaml:12"
  std::string reach;        // in words
  bool observes = false;
};

struct GrantView {
  std::string name, team, file;
  int line = 0;
  std::vector<std::string> who;
  std::vector<RuleView> rules;
  bool break_glass = false, fixed_user = false;
  std::uint64_t session_seconds = 0;  // the longest session; 0 = as long as the token
};

struct PolicyView {
  std::string version, commit;
  std::vector<GrantView> grants;
  [[nodiscard]] const GrantView* find(std::string_view grant) const;
};

[[nodiscard]] PolicyView view_of(const policy::Snapshot& snapshot);
// "reads and writes app:*; reads shared:*; channels app:*; database 0; 41 commands: get, set ..."
[[nodiscard]] std::string words(const review::RuleReach& reach);

// One commit that changed the folder, and what it meant.
struct PolicyCommit {
  std::string version;  // of the folder as it is in the commit; empty when it does not load
  std::string commit, author, subject;
  std::uint64_t time_us = 0;
  std::uint64_t gains = 0, losses = 0;  // rights that somebody gained, lost
  std::string rights, diff;             // in words, and of the files
};

}  // namespace keyward::report
