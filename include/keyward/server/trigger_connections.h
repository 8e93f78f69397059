// The rules of a policy against the connections of the configuration.
#pragma once

#include "keyward/base/diagnostics.h"
#include "keyward/policy/snapshot.h"
#include "keyward/trigger/target.h"

#include <vector>

namespace keyward::server {

// False, with the reasons: a rule names a connection that is not there, or not for its team, or of
// another kind. Without any connection the instance runs no triggers, which is said and no error.
[[nodiscard]] bool has_connections(const policy::Snapshot& policy,
                                   const std::vector<trigger::Connection>& connections,
                                   Diagnostics& diagnostics);

}  // namespace keyward::server
