// Reads policies/templates/NAME.yaml: what a template offers, and how its parameters fill it.
#pragma once

#include "keyward/base/yaml.h"
#include "keyward/policy/templates.h"

#include <string>
#include <utility>
#include <vector>

namespace keyward::policy {

// A map whose key is `template` and not `team`.
[[nodiscard]] bool is_template_file(const yaml::Node& root);

// Everything but the grants themselves, which mean something only with values. Complaints go to the
// node.
[[nodiscard]] TemplateInfo read_template_file(const yaml::Node& root);

using TemplateValues = std::vector<std::pair<std::string, std::string>>;
// "{prefix}*" with prefix=app: becomes "app:*"; braces that name no parameter stay.
[[nodiscard]] std::string with_values(std::string_view text, const TemplateValues& values);

// Complains at the node about a value that a parameter cannot take.
[[nodiscard]] bool usable_value(const yaml::Node& node, const TemplateParameter& parameter,
                                const std::string& value, bool namespaced);

}  // namespace keyward::policy
