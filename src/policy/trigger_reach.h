// What triggers may touch: only what grants of their own team can, since Keyward itself reads and
// writes for them.
#pragma once

#include "policy/model.h"

#include "keyward/base/diagnostics.h"
#include "keyward/command/catalog.h"

#include <vector>

namespace keyward::policy {

// Errors: names twice, grants that are not the team's or cannot cause the event, a dead-letter
// stream that no grant of the team writes, two triggers that share a group, a server that is too
// old.
void check_triggers(const std::vector<TeamModel>& teams, const command::Catalog& catalog,
                    Diagnostics& diagnostics);

}  // namespace keyward::policy
