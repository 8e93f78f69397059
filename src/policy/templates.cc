#include "keyward/policy/templates.h"

#include "policy/shipped.h"
#include "policy/template_file.h"

namespace keyward::policy {

const std::vector<TemplateInfo>& shipped_templates() {
  static const std::vector<TemplateInfo> all = [] {
    std::vector<TemplateInfo> out;
    Diagnostics diagnostics;  // a test holds that there are none
    for (const ShippedFile& file : shipped_template_files()) {
      out.push_back(read_template_file(
          yaml::parse(std::string(file.name), std::string(file.text), diagnostics)));
    }
    return out;
  }();
  return all;
}

std::optional<std::string_view> template_text(std::string_view name) {
  for (const ShippedFile& file : shipped_template_files()) {
    if (file.name == name) return file.text;
  }
  return std::nullopt;
}

std::string_view policy_schema() { return shipped_schema(); }

}  // namespace keyward::policy
