// Reads one policy file: everything that is wrong with it at once, and what is right as a model.
#pragma once

#include "policy/model.h"

#include "keyward/base/yaml.h"
#include "keyward/command/catalog.h"

namespace keyward::policy {

// `rule_file` names the file relative to its folder. `issuers`: the known aliases; empty = any
// alias is taken.
[[nodiscard]] TeamModel read_team_file(const yaml::Node& root, const std::string& rule_file,
                                       const command::Catalog& catalog,
                                       const std::vector<std::string>& issuers);

}  // namespace keyward::policy
