// Reads `namespace` and `exact_prefix` of a grant.
#pragma once

#include "policy/model.h"

#include "keyward/base/yaml.h"

namespace keyward::policy {

// Plain text and templates that end a level, so that no name space lies in another by accident.
void read_name_space(const yaml::Node& node, const yaml::Node& exact_prefix, GrantModel& grant);

}  // namespace keyward::policy
