// The templates that are shipped inside the executable, and the schema of the files.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace keyward::policy {

struct TemplateParameter {
  std::string name, description;
  std::string value;        // the default; an example when it is required
  bool ends_level = false;  // `kind: prefix`
  bool required = false;
};

struct TemplateInfo {
  std::string name, description;
  std::vector<TemplateParameter> parameters;
  std::vector<std::string> grants;
  bool under_namespace = true;  // it works where names are rewritten
};

// In order of name.
[[nodiscard]] const std::vector<TemplateInfo>& shipped_templates();
// The file as it is in policies/templates/; nullopt when there is none of that name.
[[nodiscard]] std::optional<std::string_view> template_text(std::string_view name);
// JSON Schema, draft 2020-12, of policy files and of templates.
[[nodiscard]] std::string_view policy_schema();

}  // namespace keyward::policy
