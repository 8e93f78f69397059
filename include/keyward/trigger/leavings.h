// What a permitted command leaves for triggers: a field more in its own entry, an event in a stream
// of Keyward's own, a timer. Pure; no I/O, no clock.
#pragma once

#include "keyward/base/clock.h"
#include "keyward/command/command.h"
#include "keyward/policy/expiry_asked.h"
#include "keyward/policy/grants.h"
#include "keyward/trigger/attestation.h"
#include "keyward/trigger/timers.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace keyward::trigger {

// What lies beside the command, in one EXEC with it. Keeps nothing of the request.
struct Leaving {
  enum class Kind : std::uint8_t {
    event,  // of a channel
    timer,  // the key was written: it may be set, moved or cancelled
  };
  Kind kind = Kind::event;
  std::string rule, grants;
  std::string name, message;                 // channel and message; key
  std::optional<policy::ExpiryAsked> asked;  // of a timer
};

struct Leavings {
  // XADD to a source: the grants that permitted it, with commas. Empty = no field.
  std::string field;
  std::vector<Leaving> beside;
  // For the record, views into the grants: rules that get an attestation of it; and those that a
  // PUBLISH or an expiry would cause, if one of the grants that permit it were in their `from`.
  std::vector<std::string_view> attested;
  std::vector<const policy::Cause*> refused;
  [[nodiscard]] bool nothing() const { return field.empty() && beside.empty(); }
  [[nodiscard]] bool unheard_of() const { return attested.empty() && refused.empty(); }
};

// `command` in Redis's names and permitted; `added`: the expiry that its grant gives it. `out` is
// overwritten and keeps its memory: what is only refused allocates nothing.
void find_leavings(const policy::Grants& grants, const command::Command& command, std::uint32_t db,
                   const std::optional<policy::ExpiryAsked>& added, Leavings& out);
// The same asked of a command whose values are not here, or not yet: whether it could leave
// anything.
[[nodiscard]] bool may_leave(const policy::Grants& grants, const command::Command& command,
                             std::uint32_t db);
// Of an XADD that would leave a field: why it cannot be attested, for its client; empty = it can.
[[nodiscard]] std::string_view obstacle(const command::Command& command);

struct Signer {
  const AttestationKeys& keys;
  std::string_view principal;
  WallTime now{};
};
// The value of the field of that XADD.
[[nodiscard]] std::string field_of(const Signer& signer, const command::Command& command,
                                   const std::string& grants);
// The commands that keep it, one or two.
[[nodiscard]] std::vector<RequestWords> requests_of(const Signer& signer, const Leaving& leaving);

}  // namespace keyward::trigger
