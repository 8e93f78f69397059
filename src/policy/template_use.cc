#include "policy/template_use.h"

#include "policy/entry_reader.h"
#include "policy/grant_settings.h"
#include "policy/template_file.h"

#include "keyward/base/log.h"

#include <algorithm>

namespace keyward::policy {
namespace {

const TemplateInfo* find_template(const yaml::Node& node, const std::string& name) {
  std::vector<std::string> names;
  for (const TemplateInfo& info : shipped_templates()) {
    if (info.name == name) return &info;
    names.push_back(info.name);
  }
  const std::string near = nearest(name, names);
  node.error("no template is called `" + log::printable(name, 64) + "`",
             near.empty() ? "one that `keyward policy templates` lists" : near);
  return nullptr;
}

// The grant that `grant:` names; without it, the only one or the first.
std::string choose_grant(const yaml::Node& use, const TemplateInfo& info) {
  const yaml::Node node = use.is_map() ? use.get("grant") : yaml::Node();
  if (!node.present()) return info.grants.front();
  const std::string name = node.text().value_or("");
  if (std::find(info.grants.begin(), info.grants.end(), name) != info.grants.end()) return name;
  const std::string near = nearest(name, info.grants);
  std::string all;
  for (const std::string& one : info.grants) all += (all.empty() ? "" : " or ") + one;
  node.error("template `" + info.name + "` has no grant `" + log::printable(name, 64) + "`",
             near.empty() ? all : near);
  return {};
}

// False when a value is missing or cannot be taken.
bool read_values(const yaml::Node& use, const TemplateInfo& info, bool namespaced,
                 TemplateValues& out) {
  const yaml::Node with = use.is_map() ? use.get("with") : yaml::Node();
  bool good = true;
  if (with.present()) {
    std::vector<std::string> names;
    for (const TemplateParameter& parameter : info.parameters) names.push_back(parameter.name);
    with.only(names);
    for (const auto& [key, node] : with.entries())
      good = good && std::find(names.begin(), names.end(), key) != names.end();
  }
  for (const TemplateParameter& parameter : info.parameters) {
    const yaml::Node node = with.present() ? with.get(parameter.name) : yaml::Node();
    const std::optional<std::string> value = node.text();
    if (value) {
      good = usable_value(node, parameter, *value, namespaced) && good;
    } else if (parameter.required) {
      use.error(
          "template `" + info.name + "` needs `" + parameter.name + "`: " + parameter.description,
          "with: {" + parameter.name + ": \"" + parameter.value + "\"}");
      good = false;
    }
    out.emplace_back(parameter.name, value.value_or(parameter.value));
  }
  return good;
}

yaml::Node grant_of(const yaml::Node& root, const std::string& name) {
  for (const yaml::Node& grant : root.get("grants").list()) {
    if (grant.get("name").text() == name) return grant;
  }
  return {};
}

// What is wrong inside the template with these values is shown where they were given.
void pass_on(const Diagnostics& inside, const yaml::Node& use, const std::string& name) {
  for (const Diagnostic& one : inside.all()) {
    const std::string what =
        "in template `" + name + "`, line " + std::to_string(one.line) + ": " + one.what;
    one.level == Diagnostic::Level::error ? use.error(what, one.instead)
                                          : use.warning(what, one.instead);
  }
}

}  // namespace

void use_template(const yaml::Node& use, const GrantContext& context, GrantModel& grant) {
  if (!use.is_scalar() && !use.is_map()) {
    return use.error("`template` is a name, or a map with `name`, `grant` and `with`",
                     "template: airflow-celery");
  }
  if (use.is_map()) use.only({"name", "grant", "with"});
  const yaml::Node named = use.is_map() ? use.need("name") : use;
  const std::optional<std::string> name = named.text();
  const TemplateInfo* info = name ? find_template(named, *name) : nullptr;
  if (info == nullptr) return;
  const bool namespaced = !grant.name_space.pieces.empty();
  if (namespaced && !info->under_namespace) {
    return use.error("template `" + info->name +
                         "` does not work under a namespace: its scripts make names of their own",
                     "the grant without `namespace`");
  }
  TemplateValues values;
  const std::string which = choose_grant(use, *info);
  if (!read_values(use, *info, namespaced, values) || which.empty()) return;
  Diagnostics inside;
  const std::string text(template_text(info->name).value_or(""));
  yaml::Node root = yaml::parse("template " + info->name, text, inside);
  root.change_texts([&](std::string_view each) { return with_values(each, values); });
  const yaml::Node from = grant_of(root, which);
  grant.databases = read_databases(from.get("databases"));
  read_limits(from.get("limits"), grant);
  read_audit(from.get("audit"), grant);
  grant.entries = read_entries(from.get("allow"), context.catalog, grant);
  for (EntryModel& entry : grant.entries) {
    entry.rule.line = use.line();
    for (KeyModel& key : entry.keys) key.place = {use.file(), use.line(), use.column()};
  }
  pass_on(inside, use, info->name);
}

}  // namespace keyward::policy
