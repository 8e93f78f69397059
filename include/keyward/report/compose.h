// From facts to what an auditor reads: one section for each criterion of the Trust Services
// Criteria (2017, with the points of focus of 2022) that access to Redis touches.
#pragma once

#include "keyward/audit/verify.h"
#include "keyward/report/document.h"
#include "keyward/report/policy_view.h"
#include "keyward/report/read.h"

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace keyward::report {

// An access review that was signed (access_review.h).
struct SignedReview {
  std::string file, reviewer, at, policy_version, key;
  std::uint64_t keep = 0, remove = 0, change = 0;  // rows by decision
  std::string problem;                             // why it counts for nothing; empty: it holds
};

struct Input {
  std::string trail;  // how the page calls it
  ReadTrail read;
  audit::VerifyReport verified;
  std::vector<std::pair<std::string, std::string>> keys;  // instance, id of its newest key
  std::optional<PolicyView> policy;                       // as it is at the end of the period
  std::vector<PolicyCommit> commits;                      // of the policy folder, newest first
  bool git = false;                                       // the folder stands in a repository
  std::optional<std::vector<SignedReview>> reviews{};     // where a folder of them was given
  bool asked_from = false;                                // the period's beginning was asked for
};

[[nodiscard]] Document compose(const Input& input);

// Whose access ended: by a revocation, by a policy, or because a token no longer said so.
struct Leaver {
  std::string principal, lost, how;
  std::uint64_t at_us = 0;
  std::uint64_t until_us = 0;  // given back then, or the end of the period
  Uses after;                  // accepted commands from then on
};
[[nodiscard]] std::vector<Leaver> leavers(const ReadTrail& read);

}  // namespace keyward::report
