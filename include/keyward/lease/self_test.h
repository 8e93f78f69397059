// Asks Redis itself (ACL DRYRUN) whether a new user may what its grants allow, and nothing of what
// they do not.
#pragma once

#include "keyward/policy/grants.h"
#include "keyward/upstream/control.h"

#include <functional>
#include <memory>
#include <string>

namespace keyward::lease {

enum class SelfTest : std::uint8_t {
  passed,
  skipped,    // the server has no ACL DRYRUN (before 7.0), or the admin user may not use it
  disagrees,  // `detail` names the command
  lost,       // the connection died first
};

// All probes leave at once, behind whatever was sent before; `done` runs once.
void self_test(upstream::Control& control, const std::string& user, const policy::AclRules& rules,
               std::function<void(SelfTest result, const std::string& detail)> done);

}  // namespace keyward::lease
