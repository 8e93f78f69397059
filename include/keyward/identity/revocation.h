// Access that ended before its time: what is revoked, and the list that logins and live sessions
// are held against.
#pragma once

#include "keyward/base/clock.h"
#include "keyward/identity/principal.h"

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace keyward::identity {

struct Revocation {
  enum class Target : std::uint8_t {
    principal,   // value: principal id; all of its sessions, leases and vended credentials
    token,       // value: issuer alias + ":" + jti, or "sha256:" + evidence as the trail shows it
    session,     // value: session id as /v1/sessions shows it
    lease,       // value: the Redis user; sessions that began later are welcome
    credential,  // value: the user name that POST /v1/credentials gave out
  };
  std::string id;  // made by the instance that was asked; names the entry for ever
  Target target = Target::principal;
  std::string value;
  // principal: only credentials issued before this end; a newer login is welcome. max() = all.
  WallTime issued_before = WallTime::max();
  WallTime at{};     // when it was asked for
  WallTime until{};  // forgotten then: no credential it speaks of can live longer
  std::string by, reason;
};

inline constexpr std::size_t kRevocationTargets = 5;
// "principal", "token" ... as the API and the trail have it; nothing for other words.
[[nodiscard]] std::string_view name(Revocation::Target target);
[[nodiscard]] std::optional<Revocation::Target> revocation_target(std::string_view name);

// Immutable; one for all threads. Logins ask it after everything else about a credential was found
// good; sessions are held against each new one.
class DenyList {
 public:
  DenyList() = default;
  explicit DenyList(std::vector<Revocation> entries);

  // What ends the access of a login of `principal`; null = nothing does.
  [[nodiscard]] const Revocation* denies(const Principal& principal) const;
  // The same for what a live session has besides. Empty views match nothing. `since`: its login.
  [[nodiscard]] const Revocation* denies(const Principal& principal, std::string_view session,
                                         std::string_view lease, WallTime since) const;
  [[nodiscard]] const std::vector<Revocation>& entries() const { return entries_; }
  [[nodiscard]] bool empty() const { return entries_.empty(); }

 private:
  template <class Fits>
  [[nodiscard]] const Revocation* find(Revocation::Target target, std::string_view value,
                                       Fits fits) const;
  std::vector<Revocation> entries_;
  // value -> places in entries_, by target
  std::array<std::unordered_map<std::string, std::vector<std::size_t>>, kRevocationTargets>
      by_value_;
};

}  // namespace keyward::identity
