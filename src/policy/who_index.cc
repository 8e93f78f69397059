#include "policy/who_index.h"

#include <algorithm>

namespace keyward::policy {
namespace {

bool is_exact(const std::string& subject) {
  return !subject.empty() && subject.find('*') == std::string::npos;
}

template <class Map>
void collect(const Map& by_name, std::string_view name, std::vector<std::uint32_t>& out) {
  const auto found = by_name.find(name);
  if (found != by_name.end()) out.insert(out.end(), found->second.begin(), found->second.end());
}

}  // namespace

WhoIndex::WhoIndex(const std::vector<GrantModel>& grants) {
  for (std::uint32_t at = 0; at < grants.size(); ++at) {
    for (const Who& who : grants[at].who) {
      Issuer& issuer = issuers_[who.issuer];
      if (is_exact(who.subject)) {
        issuer.subjects[who.subject].push_back(at);
      } else if (!who.groups.empty()) {
        for (const std::string& group : who.groups) issuer.groups[group].push_back(at);
      } else {
        issuer.others.push_back(at);
      }
    }
  }
}

std::vector<std::uint32_t> WhoIndex::candidates(const identity::Principal& principal) const {
  const auto found = issuers_.find(principal.issuer_alias);
  if (found == issuers_.end()) return {};
  const Issuer& issuer = found->second;
  Positions out = issuer.others;
  collect(issuer.subjects, principal.subject, out);
  for (const std::string& group : principal.groups) collect(issuer.groups, group, out);
  std::sort(out.begin(), out.end());
  out.erase(std::unique(out.begin(), out.end()), out.end());
  return out;
}

}  // namespace keyward::policy
