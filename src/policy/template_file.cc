#include "policy/template_file.h"

#include "policy/pattern.h"

#include "keyward/base/log.h"

#include <algorithm>

namespace keyward::policy {
namespace {

constexpr std::size_t kMostParameters = 16;
constexpr std::size_t kLongestValue = 128;
constexpr std::string_view kPrefixEnds = ":./-_|";

TemplateParameter read_parameter(const std::string& name, const yaml::Node& node) {
  TemplateParameter out;
  out.name = name;
  node.only({"kind", "default", "required", "example", "description"});
  const yaml::Node kind = node.need("kind");
  const std::string what = kind.text().value_or("");
  out.ends_level = what == "prefix";
  if (kind.present() && what != "prefix" && what != "name")
    kind.error("unknown kind of a parameter", "prefix or name");
  out.required = node.get("required").boolean().value_or(false);
  const yaml::Node value = node.need(out.required ? "example" : "default");
  out.value = value.text().value_or("");
  if (value.present()) (void)usable_value(value, out, out.value, false);
  out.description = node.need("description").text().value_or("");
  const std::vector<std::string> taken{"subject", "k8s.namespace", "k8s.serviceaccount"};
  if (!plain_value(name) || name.starts_with("claim.") ||
      std::find(taken.begin(), taken.end(), name) != taken.end()) {
    node.error("a parameter has a name of A-Z a-z 0-9 _ . - that no claim template has", "prefix");
  }
  return out;
}

void read_grants(const yaml::Node& grants, TemplateInfo& out) {
  for (const yaml::Node& grant : grants.list()) {
    if (!grant.is_map()) {
      grant.error("a grant of a template must be a map", "- name: worker");
      continue;
    }
    grant.only({"name", "databases", "allow", "limits", "audit"});
    const std::string name = grant.need("name").text().value_or("");
    if (!plain_value(name)) grant.error("a name has 1 to 64 of A-Z a-z 0-9 _ . -", "worker");
    (void)grant.need("allow");
    out.grants.push_back(name);
  }
  if (grants.is_list() && out.grants.empty()) grants.error("a template without a grant");
}

void check_expectations(const yaml::Node& expect, const TemplateInfo& info) {
  for (const yaml::Node& item : expect.list()) {
    if (!item.is_map()) {
      item.error("an `expect` case must be a map", "- {as: worker, allow: [\"GET {prefix}k\"]}");
      continue;
    }
    item.only({"as", "allow", "deny"});
    const yaml::Node as = item.need("as");
    const std::string name = as.text().value_or("");
    if (as.present() &&
        std::find(info.grants.begin(), info.grants.end(), name) == info.grants.end())
      as.error("no grant of this template has that name", nearest(name, info.grants));
  }
}

}  // namespace

bool is_template_file(const yaml::Node& root) {
  return root.is_map() && root.get("template").present() && !root.get("team").present();
}

TemplateInfo read_template_file(const yaml::Node& root) {
  TemplateInfo out;
  root.only(
      {"apiVersion", "template", "description", "namespace", "parameters", "grants", "expect"});
  const yaml::Node version = root.need("apiVersion");
  if (version.present() && version.text() != "keyward/v1")
    version.error("unknown apiVersion", "keyward/v1");
  const yaml::Node name = root.need("template");
  out.name = name.text().value_or("");
  if (!plain_value(out.name)) name.error("a name has 1 to 64 of A-Z a-z 0-9 _ . -", "my-template");
  out.description = root.need("description").text().value_or("");
  out.under_namespace = root.get("namespace").boolean().value_or(true);
  const yaml::Node parameters = root.get("parameters");
  if (parameters.present()) {
    for (const auto& [key, node] : parameters.entries())
      out.parameters.push_back(read_parameter(key, node));
    if (out.parameters.size() > kMostParameters)
      parameters.error("a template has at most 16 parameters");
  }
  read_grants(root.need("grants"), out);
  check_expectations(root.need("expect"), out);
  return out;
}

std::string with_values(std::string_view text, const TemplateValues& values) {
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    const auto found = std::find_if(values.begin(), values.end(), [&](const auto& value) {
      const std::string_view rest = text.substr(at + 1);
      return text[at] == '{' && rest.starts_with(value.first) &&
             rest.substr(value.first.size()).starts_with('}');
    });
    if (found == values.end()) {
      out += text[at++];
    } else {
      out += found->second;
      at += found->first.size() + 2;
    }
  }
  return out;
}

bool usable_value(const yaml::Node& node, const TemplateParameter& parameter,
                  const std::string& value, bool namespaced) {
  const std::string what = "parameter `" + parameter.name + "` ";
  if (!parameter.ends_level) {
    if (plain_value(value)) return true;
    node.error(what + "has 1 to 64 of A-Z a-z 0-9 _ . -");
    return false;
  }
  if (value.empty()) {
    if (namespaced) return true;
    node.error(what + "is empty: only under a `namespace` no prefix is needed", "\"team:\"");
    return false;
  }
  // `\{` is a brace of a hash tag, `{claim.team}` a value of the token.
  const bool plain = std::all_of(value.begin(), value.end(), [](char c) {
    return c > ' ' && c <= '~' && std::string_view("*?[]\"'").find(c) == std::string_view::npos;
  });
  if (!plain || value.size() > kLongestValue) {
    node.error(what + "is 1 to 128 printable bytes without * ? [ ] and quotes", "\"team:\"");
    return false;
  }
  if (kPrefixEnds.find(value.back()) == std::string_view::npos) {
    node.error(
        what + "ends with one of : . / - _ |, or it would take in names that only begin alike",
        "\"" + log::printable(value, 64) + ":\"");
    return false;
  }
  return true;
}

}  // namespace keyward::policy
