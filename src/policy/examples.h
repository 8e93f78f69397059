// Runs the `expect` cases of a policy folder against what the folder grants.
#pragma once

#include "policy/model.h"

#include "keyward/base/diagnostics.h"
#include "keyward/policy/snapshot.h"

namespace keyward::policy {

// Judged in database 0 with the grants of the whole folder. Returns how many command lines were
// judged; each that came out otherwise is an error at its line.
std::size_t run_expectations(const Snapshot& snapshot, const std::vector<TeamModel>& teams,
                             Diagnostics& diagnostics);

}  // namespace keyward::policy
