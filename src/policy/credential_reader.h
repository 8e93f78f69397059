// `credentials:` of a grant: what POST /v1/credentials may give out for it.
#pragma once

#include "policy/model.h"

#include "keyward/base/yaml.h"

namespace keyward::policy {

// Wants everything else of the grant's settings read.
void read_credentials(const yaml::Node& node, GrantModel& grant);

}  // namespace keyward::policy
