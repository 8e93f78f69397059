// Reads one grant of a policy file.
#pragma once

#include "policy/model.h"

#include "keyward/base/yaml.h"
#include "keyward/command/catalog.h"

namespace keyward::policy {

// What a grant takes over from the file that it stands in.
struct GrantContext {
  const std::string& rule_file;  // relative to the policy folder
  const std::string& team;
  const std::vector<std::string>& owners;
  const command::Catalog& catalog;
  const std::vector<std::string>& issuers;
};

[[nodiscard]] GrantModel read_grant(const yaml::Node& node, const GrantContext& context);

[[nodiscard]] std::vector<std::uint32_t> read_databases(const yaml::Node& node);

// The rule for names of teams, grants, templates: complaints at the node, "" when it cannot be
// used.
[[nodiscard]] std::string read_name(const yaml::Node& node);

}  // namespace keyward::policy
