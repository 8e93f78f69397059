#include "keyward/identity/revocation.h"

#include <utility>

namespace keyward::identity {
namespace {

using Target = Revocation::Target;

constexpr std::array<std::string_view, kRevocationTargets> kNames = {
    "principal", "token", "session", "lease", "credential"};

constexpr auto kAlways = [](const Revocation&) { return true; };

}  // namespace

std::string_view name(Target target) { return kNames[static_cast<std::size_t>(target)]; }

std::optional<Target> revocation_target(std::string_view name) {
  for (std::size_t at = 0; at < kNames.size(); ++at) {
    if (kNames[at] == name) return static_cast<Target>(at);
  }
  return std::nullopt;
}

DenyList::DenyList(std::vector<Revocation> entries) : entries_(std::move(entries)) {
  for (std::size_t place = 0; place < entries_.size(); ++place) {
    const Revocation& entry = entries_[place];
    if (entry.value.empty()) continue;
    by_value_[static_cast<std::size_t>(entry.target)][entry.value].push_back(place);
  }
}

template <class Fits>
const Revocation* DenyList::find(Target target, std::string_view value, Fits fits) const {
  const auto& places = by_value_[static_cast<std::size_t>(target)];
  if (places.empty() || value.empty()) return nullptr;
  const auto found = places.find(std::string(value));
  if (found == places.end()) return nullptr;
  for (const std::size_t place : found->second) {
    if (fits(entries_[place])) return &entries_[place];
  }
  return nullptr;
}

const Revocation* DenyList::denies(const Principal& principal) const {
  if (entries_.empty()) return nullptr;
  // A credential that does not say when it was made counts as made long ago.
  const auto made_before = [&](const Revocation& entry) {
    return entry.issued_before == WallTime::max() || principal.issued_at < entry.issued_before;
  };
  if (const auto* entry = find(Target::principal, principal.id, made_before)) return entry;
  const bool tokens = !by_value_[static_cast<std::size_t>(Target::token)].empty();
  if (tokens && !principal.token_id.empty()) {
    const std::string id = principal.issuer_alias + ":" + principal.token_id;
    if (const auto* entry = find(Target::token, id, kAlways)) return entry;
  }
  if (tokens && !principal.evidence.empty()) {
    if (const auto* entry = find(Target::token, "sha256:" + principal.evidence, kAlways))
      return entry;
  }
  return find(Target::credential, principal.vended.user, kAlways);
}

const Revocation* DenyList::denies(const Principal& principal, std::string_view session,
                                   std::string_view lease, WallTime since) const {
  if (const auto* entry = denies(principal)) return entry;
  if (const auto* entry = find(Target::session, session, kAlways)) return entry;
  // The same person with the same rights gets a user of the same name, with another password.
  return find(Target::lease, lease, [&](const Revocation& entry) { return since <= entry.at; });
}

}  // namespace keyward::identity
