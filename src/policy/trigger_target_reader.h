// Reads `target:` of a trigger.
#pragma once

#include "keyward/base/yaml.h"
#include "keyward/policy/trigger_rule.h"

namespace keyward::policy {

[[nodiscard]] TriggerTarget read_target(const yaml::Node& node);

}  // namespace keyward::policy
