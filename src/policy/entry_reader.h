// Reads the allow entries of one grant.
#pragma once

#include "policy/model.h"

#include "keyward/base/yaml.h"
#include "keyward/command/catalog.h"

namespace keyward::policy {

// `rule_file` is relative to the folder. Complaints go to the node's Diagnostics.
[[nodiscard]] std::vector<EntryModel> read_entries(const yaml::Node& allow,
                                                   const command::Catalog& catalog,
                                                   const std::string& grant,
                                                   const std::string& rule_file);

}  // namespace keyward::policy
