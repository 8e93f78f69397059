// What a grant says beside its entries: scripts, mode, break-glass, lease, ttl, limits,
// audit.
#pragma once

#include "policy/model.h"

#include "keyward/base/yaml.h"

namespace keyward::policy {

void read_limits(const yaml::Node& node, GrantModel& grant);
void read_audit(const yaml::Node& node, GrantModel& grant);
// Both change only what they find: a template may have set the rest.
// Which scripts may run under the namespace, which is read already. Entries, also those of a
// template, are judged by it.
void read_scripts(const yaml::Node& node, GrantModel& grant);
// Everything else that stands beside `allow` in the map `node`. Wants namespace, limits and owners
// read.
void read_settings(const yaml::Node& node, GrantModel& grant);

}  // namespace keyward::policy
