#include "policy/grant_reader.h"

#include "policy/entry_reader.h"
#include "policy/grant_settings.h"
#include "policy/name_space_reader.h"
#include "policy/template_use.h"
#include "policy/who_reader.h"

#include <algorithm>
#include <iterator>

namespace keyward::policy {
namespace {

constexpr std::size_t kMostDatabases = 64;
constexpr std::int64_t kLastDatabase = 16383;

}  // namespace

std::vector<std::uint32_t> read_databases(const yaml::Node& node) {
  std::vector<std::uint32_t> out;
  if (!node.present()) return {0};
  for (const yaml::Node& item : node.list()) {
    const auto number = item.integer(0, kLastDatabase);
    if (number) out.push_back(static_cast<std::uint32_t>(*number));
  }
  std::sort(out.begin(), out.end());
  out.erase(std::unique(out.begin(), out.end()), out.end());
  if (out.size() > kMostDatabases) node.error("a grant has at most 64 databases");
  if (node.is_list() && node.list().empty())
    node.error("a grant needs a database", "databases: [0]");
  return out;
}

std::string read_name(const yaml::Node& node) {
  const std::optional<std::string> name = node.text();
  if (!name) return {};
  if (!plain_value(*name)) {
    node.error("a name has 1 to 64 of A-Z a-z 0-9 _ . -", "airflow-worker");
    return {};
  }
  return *name;
}

GrantModel read_grant(const yaml::Node& node, const GrantContext& context) {
  node.only({"name", "who", "databases", "allow", "limits", "audit", "namespace", "exact_prefix",
             "scripts", "mode", "break_glass", "lease", "credentials", "ttl", "shared",
             "template"});
  const yaml::Node use = node.get("template");
  GrantModel grant;
  grant.file = context.rule_file;
  grant.team = context.team;
  grant.owners = context.owners;
  grant.place = {node.file(), node.line(), node.column()};
  grant.name = read_name(node.need("name"));
  grant.who = read_who(node.need("who"), context.issuers);
  read_name_space(node.get("namespace"), node.get("exact_prefix"), grant);
  read_scripts(node.get("scripts"), grant);
  if (use.present()) use_template(use, context, grant);
  if (!use.present() || node.get("databases").present())
    grant.databases = read_databases(node.get("databases"));
  read_limits(node.get("limits"), grant);
  read_audit(node.get("audit"), grant);
  read_settings(node, grant);
  const yaml::Node allow = use.present() ? node.get("allow") : node.need("allow");
  std::vector<EntryModel> own = read_entries(allow, context.catalog, grant);
  std::move(own.begin(), own.end(), std::back_inserter(grant.entries));
  if (allow.present() && allow.is_list() && allow.list().empty()) {
    allow.error("`allow` has no entry", "- {commands: [get], keys: [\"team:*\"]}");
  }
  return grant;
}

}  // namespace keyward::policy
