#include "keyward/report/compose.h"

#include <map>
#include <set>
#include <tuple>

namespace keyward::report {
namespace {

constexpr std::string_view kPrincipal = "principal ";
constexpr std::size_t kMost = 20'000;

// "principal okta:bob issued before ... until ...": okta:bob. A principal may hold blanks.
std::string revoked_principal(const std::string& detail) {
  if (!detail.starts_with(kPrincipal)) return {};
  std::size_t end = detail.rfind(" until ");
  if (end == std::string::npos) return {};
  const std::size_t before = detail.rfind(" issued before ", end);
  if (before != std::string::npos) end = before;
  return detail.substr(kPrincipal.size(), end - kPrincipal.size());
}

const Person* find(const ReadTrail& read, const std::string& principal) {
  const auto found = read.facts.people.find(principal);
  return found == read.facts.people.end() ? nullptr : &found->second;
}

void by_revocation(const ReadTrail& read, std::vector<Leaver>& out) {
  std::map<std::string, std::uint64_t> lifted;
  for (const Happening& one : read.facts.of("revocation_lifted").kept)
    lifted.try_emplace(one.id, one.time_us);
  std::set<std::string> told;  // every instance records it; the first counts
  for (const Happening& one : read.facts.of("revocation").kept) {
    const std::string principal = revoked_principal(one.detail);
    if (principal.empty() || !told.insert(one.id).second) continue;
    Leaver& leaver = out.emplace_back();
    leaver.principal = principal;
    leaver.lost = "all access";
    leaver.how = "revocation " + one.id;
    leaver.at_us = one.time_us;
    const auto back = lifted.find(one.id);
    leaver.until_us = back == lifted.end() ? read.period.to_us : back->second;
    if (const Person* person = find(read, principal))
      leaver.after = person->accepted_between(read.marks, leaver.at_us, leaver.until_us);
  }
}

// Sessions that a policy ended: the last change of access before that is the one that did.
void by_policy(const ReadTrail& read, std::vector<Leaver>& out) {
  std::set<std::pair<std::string, std::uint64_t>> told;
  for (const Happening& one : read.facts.of("session_end").kept) {
    const std::uint32_t interval = read.marks.interval(one.time_us);
    if (interval == 0 || one.principal.empty()) continue;
    const std::uint64_t at = read.marks.at_us[interval - 1];
    if (!told.emplace(one.principal, at).second) continue;
    Leaver& leaver = out.emplace_back();
    leaver.principal = one.principal;
    leaver.lost = "all access";
    leaver.how = "policy";
    leaver.at_us = at;
    leaver.until_us =
        interval < read.marks.at_us.size() ? read.marks.at_us[interval] : read.period.to_us;
    if (const Person* person = find(read, one.principal))
      leaver.after = person->accepted_between(read.marks, at, leaver.until_us);
  }
}

// Grants for emergencies come and go; they are told of elsewhere.
std::set<std::string> break_glass_grants(const ReadTrail& read) {
  std::set<std::string> out;
  for (const Happening& one : read.facts.of("break_glass").kept) {
    for (std::size_t at = 0; at < one.grant.size();) {
      const std::size_t end = std::min(one.grant.find_first_of(", ", at), one.grant.size());
      if (end > at) out.insert(one.grant.substr(at, end - at));
      at = end + 1;
    }
  }
  return out;
}

// Groups or grants that somebody had and later did not: known from when a session first lacked it.
void by_role(const std::string& principal, const Person& person, bool groups,
             const std::set<std::string>& passing, std::vector<Leaver>& out) {
  const auto names = [&](const Role& role) -> const std::vector<std::string>& {
    return groups ? role.groups : role.grants;
  };
  std::set<std::string> all;
  for (const auto& [key, role] : person.roles) {
    if (role.seen.count > 0) all.insert(names(role).begin(), names(role).end());
  }
  for (const std::string& name : all) {
    if (passing.contains(name)) continue;
    Uses with, used;
    std::uint64_t without_us = 0;
    for (const auto& [key, role] : person.roles) {
      if (!std::binary_search(names(role).begin(), names(role).end(), name)) continue;
      with.add(role.seen);
      used.add(role.accepted);
    }
    for (const auto& [key, role] : person.roles) {
      if (std::binary_search(names(role).begin(), names(role).end(), name)) continue;
      if (role.seen.count == 0 || role.seen.last_us <= with.last_us) continue;
      const std::uint64_t first = std::max(role.seen.first_us, with.last_us);
      without_us = without_us == 0 ? first : std::min(without_us, first);
    }
    if (without_us == 0 || out.size() >= kMost) continue;
    Leaver& leaver = out.emplace_back();
    leaver.principal = principal;
    leaver.lost = (groups ? "group " : "grant ") + name;
    leaver.how = groups ? "token without it" : "no longer granted";
    leaver.at_us = without_us;
    if (used.last_us > without_us) leaver.after = {1, used.last_us, used.last_us};
  }
}

}  // namespace

std::vector<Leaver> leavers(const ReadTrail& read) {
  std::vector<Leaver> out;
  by_revocation(read, out);
  by_policy(read, out);
  const std::set<std::string> glass = break_glass_grants(read);
  for (const auto& [principal, person] : read.facts.people) {
    if (person.roles.size() < 2) continue;
    by_role(principal, person, true, {}, out);
    by_role(principal, person, false, glass, out);
  }
  std::sort(out.begin(), out.end(), [](const Leaver& a, const Leaver& b) {
    return std::tie(a.at_us, a.principal, a.lost) < std::tie(b.at_us, b.principal, b.lost);
  });
  return out;
}

}  // namespace keyward::report
