#include "policy/team_file.h"

#include "policy/expectation_reader.h"
#include "policy/grant_reader.h"
#include "policy/trigger_reader.h"

#include <algorithm>

namespace keyward::policy {
namespace {

using command::Catalog;

constexpr std::string_view kVersion = "keyward/v1";
constexpr std::size_t kMostGrants = 1000;
constexpr std::size_t kMostTriggers = 64;

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

void read_version(const yaml::Node& node) {
  const std::optional<std::string> version = node.text();
  if (version && *version != kVersion) node.error("unknown apiVersion", std::string(kVersion));
}

void read_triggers(const yaml::Node& triggers, const std::string& rule_file, TeamModel& team) {
  if (!triggers.present()) return;
  for (const yaml::Node& node : triggers.list()) {
    if (!node.is_map()) {
      node.error("a trigger must be a map", "- name: orders");
      continue;
    }
    if (team.triggers.size() == kMostTriggers) {
      node.error("a file has at most 64 triggers");
      break;
    }
    team.triggers.push_back(read_trigger(node, rule_file, team.team));
  }
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
  root.only({"apiVersion", "team", "owners", "grants", "triggers", "expect"});
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
    team.grants.push_back(read_grant(node, {rule_file, team.team, owners, catalog, issuers}));
  }
  read_triggers(root.get("triggers"), rule_file, team);
  team.expectations = read_expectations(root.get("expect"), issuers);
  return team;
}

}  // namespace keyward::policy
