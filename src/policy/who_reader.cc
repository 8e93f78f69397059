#include "policy/who_reader.h"

#include "keyward/base/log.h"

#include <algorithm>

namespace keyward::policy {
namespace {

constexpr std::size_t kMostWho = 1000;

Who read_one(const yaml::Node& node, const std::vector<std::string>& issuers) {
  node.only({"issuer", "subject", "groups", "claims"});
  Who who;
  who.issuer = read_issuer(node.need("issuer"), issuers);
  const yaml::Node subject = node.get("subject");
  who.subject = subject.text().value_or("");
  if (subject.present() && who.subject.empty())
    subject.error("an empty subject", "\"*\" for everyone of this issuer");
  const yaml::Node groups = node.get("groups");
  who.groups = groups.texts();
  if (groups.is_list() && groups.list().empty())
    groups.error("`groups` names no group", "no `groups` at all");
  if (std::any_of(who.groups.begin(), who.groups.end(),
                  [](const auto& group) { return group.empty(); })) {
    groups.error("an empty group name");
  }
  const yaml::Node claims = node.get("claims");
  if (claims.present()) {
    for (const auto& [path, value] : claims.entries()) {
      if (!value.present()) value.error("a claim needs the value it must have");
      if (const auto text = value.text()) who.claims.emplace_back(path, *text);
    }
    if (claims.is_map() && claims.entries().empty())
      claims.error("`claims` names no claim", "no `claims` at all");
  }
  if (!subject.present() && !groups.present() && !claims.present()) {
    node.error("this takes everyone of the issuer without saying so", "subject: \"*\"");
  }
  return who;
}

}  // namespace

std::string read_issuer(const yaml::Node& node, const std::vector<std::string>& issuers) {
  const std::optional<std::string> alias = node.text();
  if (!alias) return {};
  if (alias->empty()) {
    node.error("an empty issuer");
  } else if (!issuers.empty() &&
             std::find(issuers.begin(), issuers.end(), *alias) == issuers.end()) {
    const std::string near = nearest(*alias, issuers);
    node.error("issuer `" + log::printable(*alias, 64) + "` is not in the configuration",
               near.empty() ? "one of its aliases" : near);
  }
  return *alias;
}

std::vector<Who> read_who(const yaml::Node& node, const std::vector<std::string>& issuers) {
  std::vector<Who> out;
  if (!node.present()) return out;
  if (node.is_map() || node.is_scalar()) {
    node.error("`who` must be a list", "- {issuer: okta, groups: [airflow-workers]}");
    return out;
  }
  for (const yaml::Node& item : node.list()) {
    if (!item.is_map()) {
      item.error("an entry of `who` must be a map", "- {issuer: okta, groups: [airflow-workers]}");
    } else if (out.size() == kMostWho) {
      item.error("a grant has at most 1000 entries in `who`");
      break;
    } else {
      out.push_back(read_one(item, issuers));
    }
  }
  if (node.is_list() && node.list().empty()) {
    node.error("`who` names nobody", "- {issuer: okta, groups: [airflow-workers]}");
  }
  return out;
}

}  // namespace keyward::policy
