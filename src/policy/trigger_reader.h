// Reads one entry of `triggers:` of a policy file.
#pragma once

#include "policy/model.h"

#include "keyward/base/yaml.h"

#include <string>

namespace keyward::policy {

[[nodiscard]] TriggerModel read_trigger(const yaml::Node& node, const std::string& rule_file,
                                        const std::string& team);

}  // namespace keyward::policy
