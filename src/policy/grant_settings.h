// What a grant says beside its entries: scripts, mode, break-glass, lease, ttl, limits,
// audit.
#pragma once

#include "policy/model.h"

#include "keyward/base/yaml.h"

namespace keyward::policy {

void read_limits(const yaml::Node& node, GrantModel& grant);
void read_audit(const yaml::Node& node, GrantModel& grant);
// Both change only what they find: a template may have set the rest.
// Everything else that stands beside `allow` in the map `node`. Wants namespace, limits and owners
// read.
void read_settings(const yaml::Node& node, GrantModel& grant);

}  // namespace keyward::policy
