// What git knows of a policy folder.
#pragma once

#include "keyward/report/policy_view.h"

#include <string>
#include <vector>

namespace keyward::cli {

// The commits that changed the folder, newest first, at most `most` of them, each with the version
// it made and who gained or lost what by it. Empty where the folder is in no repository.
[[nodiscard]] std::vector<report::PolicyCommit> policy_history(const std::string& folder,
                                                               std::size_t most);
// Who wrote the line first named, and who changed one of these lines last: "Ann <ann@example.com>,
// 2026-11-22, 0123456789ab". Empty where git does not know.
struct Blame {
  std::string first, newest;
};
[[nodiscard]] Blame blame(const std::string& folder, const std::string& file, int from, int to);
[[nodiscard]] bool in_git(const std::string& folder);

}  // namespace keyward::cli
