#include "policy/team_file.h"

#include "policy/entry_reader.h"
#include "policy/expectation_reader.h"
#include "policy/who_reader.h"

#include "keyward/base/log.h"

#include <algorithm>

namespace keyward::policy {
namespace {

using command::Catalog;

constexpr std::string_view kVersion = "keyward/v1";
constexpr std::size_t kMostGrants = 1000;
constexpr std::size_t kMostDatabases = 64;
constexpr std::int64_t kLastDatabase = 16383;
constexpr std::int64_t kMostOfLimit = 1'000'000'000;

// Part of the format, not of this version: to take such a file without them would grant something
// else than it says.
const std::vector<std::string>& later_keys() {
  static const std::vector<std::string> keys{"namespace", "mode",  "break_glass",
                                             "ttl",       "lease", "template"};
  return keys;
}

void refuse_later_keys(const yaml::Node& grant) {
  for (const auto& [key, node] : grant.entries()) {
    if (std::find(later_keys().begin(), later_keys().end(), key) == later_keys().end()) continue;
    node.error("`" + key + "` is not supported by this version of Keyward, and is never ignored",
               key == "namespace" ? "full names in keys, read and write" : "the grant without it");
  }
}

bool plain_name(std::string_view name) { return plain_value(name); }

std::string read_name(const yaml::Node& node) {
  const std::optional<std::string> name = node.text();
  if (!name) return {};
  if (!plain_name(*name)) {
    node.error("a name has 1 to 64 of A-Z a-z 0-9 _ . -", "airflow-worker");
    return {};
  }
  return *name;
}

// Owners stand in refusals: printable, short, no separators of the protocol.
std::vector<std::string> read_owners(const yaml::Node& node) {
  std::vector<std::string> out;
  for (const yaml::Node& item : node.list()) {
    const std::optional<std::string> owner = item.text();
    if (!owner) continue;
    const bool printable =
        std::all_of(owner->begin(), owner->end(), [](char c) { return c >= ' ' && c <= '~'; });
    if (owner->empty() || owner->size() > 128 || !printable) {
      item.error("an owner is 1 to 128 printable ASCII characters", "team@example.com");
    } else if (out.size() == 16) {
      item.error("a team has at most 16 owners");
      break;
    } else {
      out.push_back(*owner);
    }
  }
  return out;
}

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

void read_limits(const yaml::Node& node, GrantModel& grant) {
  if (!node.present()) return;
  node.only({"connections", "commands_per_second", "max_value", "session"});
  const auto count = [](const yaml::Node& item) {
    return static_cast<std::uint32_t>(item.integer(1, kMostOfLimit).value_or(0));
  };
  grant.limits.connections = count(node.get("connections"));
  grant.limits.commands_per_second = count(node.get("commands_per_second"));
  const yaml::Node value = node.get("max_value");
  const auto most = value.bytes();
  grant.max_value = most.value_or(0);
  if (most == 0U) value.error("max_value must be at least 1 byte", "1MiB");
  const yaml::Node session = node.get("session");
  const auto life = session.duration();
  if (life && *life < std::chrono::seconds(1)) session.error("session must be at least 1s", "12h");
  if (life) grant.limits.session = std::chrono::floor<std::chrono::seconds>(*life);
}

void read_audit(const yaml::Node& node, GrantModel& grant) {
  if (!node.present()) return;
  node.only({"reads", "durability"});
  grant.audit.reads = node.get("reads").boolean().value_or(false);
  const yaml::Node durability = node.get("durability");
  const std::optional<std::string> level = durability.text();
  if (!level || *level == "written") return;
  const bool later = *level == "synced" || *level == "strict" || *level == "async";
  durability.error(later
                       ? "`durability: " + *level + "` is not supported by this version of Keyward"
                       : "unknown durability",
                   "written");
}

GrantModel read_grant(const yaml::Node& node, const std::string& rule_file, const Catalog& catalog,
                      const std::vector<std::string>& issuers) {
  std::vector<std::string> known{"name", "who", "databases", "allow", "limits", "audit"};
  known.insert(known.end(), later_keys().begin(), later_keys().end());
  node.only(known);
  refuse_later_keys(node);
  GrantModel grant;
  grant.file = rule_file;
  grant.place = {node.file(), node.line(), node.column()};
  grant.name = read_name(node.need("name"));
  grant.who = read_who(node.need("who"), issuers);
  grant.databases = read_databases(node.get("databases"));
  const yaml::Node allow = node.need("allow");
  grant.entries = read_entries(allow, catalog, grant.name, rule_file);
  if (allow.present() && allow.is_list() && allow.list().empty()) {
    allow.error("`allow` has no entry", "- {commands: [get], keys: [\"team:*\"]}");
  }
  read_limits(node.get("limits"), grant);
  read_audit(node.get("audit"), grant);
  return grant;
}

void read_version(const yaml::Node& node) {
  const std::optional<std::string> version = node.text();
  if (version && *version != kVersion) node.error("unknown apiVersion", std::string(kVersion));
}

}  // namespace

TeamModel read_team_file(const yaml::Node& root, const std::string& rule_file,
                         const Catalog& catalog, const std::vector<std::string>& issuers) {
  TeamModel team;
  team.place = {root.file(), root.line(), root.column()};
  if (!root.is_map()) {
    root.error("a policy file is a map", "apiVersion: keyward/v1");
    return team;
  }
  root.only({"apiVersion", "team", "owners", "grants", "expect"});
  read_version(root.need("apiVersion"));
  const yaml::Node name = root.need("team");
  team.team = read_name(name);
  if (name.present()) team.place = {name.file(), name.line(), name.column()};
  const std::vector<std::string> owners = read_owners(root.get("owners"));
  const yaml::Node grants = root.need("grants");
  if (grants.is_list() && grants.list().empty())
    grants.error("`grants` has no entry", "- name: airflow-worker");
  for (const yaml::Node& node : grants.list()) {
    if (!node.is_map()) {
      node.error("a grant must be a map", "- name: airflow-worker");
      continue;
    }
    if (team.grants.size() == kMostGrants) {
      node.error("a file has at most 1000 grants");
      break;
    }
    team.grants.push_back(read_grant(node, rule_file, catalog, issuers));
    team.grants.back().team = team.team;
    team.grants.back().owners = owners;
  }
  team.expectations = read_expectations(root.get("expect"), issuers);
  return team;
}

}  // namespace keyward::policy
