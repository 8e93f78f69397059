// Reads the allow entries of one grant.
#pragma once

#include "policy/model.h"

#include "keyward/base/yaml.h"
#include "keyward/command/catalog.h"

namespace keyward::policy {

// `grant`: the one they belong to, everything else of it read. Complaints go to the node's
// Diagnostics.
[[nodiscard]] std::vector<EntryModel> read_entries(const yaml::Node& allow,
                                                   const command::Catalog& catalog,
                                                   const GrantModel& grant);

}  // namespace keyward::policy
