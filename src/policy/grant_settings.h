// What a grant says beside its entries: namespace, scripts, mode, break-glass, lease, ttl, limits,
// audit.
#pragma once

#include "policy/model.h"

#include "keyward/base/yaml.h"

namespace keyward::policy {

void read_limits(const yaml::Node& node, GrantModel& grant);
void read_audit(const yaml::Node& node, GrantModel& grant);
// Everything else that stands beside `allow` in the map `grant`. Wants its limits and owners read.
void read_settings(const yaml::Node& node, GrantModel& grant);

}  // namespace keyward::policy
