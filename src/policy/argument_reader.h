// Reads `arguments` of an allow entry: what a few commands may say beyond their keys.
#pragma once

#include "policy/model.h"

#include "keyward/base/yaml.h"
#include "keyward/command/catalog.h"

namespace keyward::policy {

// `entry` has its commands and keys; `grant` its namespace and lease. Complaints go to the node.
[[nodiscard]] std::vector<ArgumentRule> read_arguments(const yaml::Node& node,
                                                       const command::Catalog& catalog,
                                                       const GrantModel& grant,
                                                       const EntryModel& entry);

}  // namespace keyward::policy
