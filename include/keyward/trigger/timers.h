// Timers that outlast a lost event: the keys of an `expired` rule that are still to expire, beside
// the attestation of what they will cause. Two keys of Keyward's own in database 0, changed in one
// EXEC with the command that sets, moves or cancels the timer.
#pragma once

#include "keyward/base/clock.h"
#include "keyward/policy/expiry_asked.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace keyward::trigger {

[[nodiscard]] std::string due_key(std::string_view rule_name);     // sorted set: key, due in ms
[[nodiscard]] std::string timers_key(std::string_view rule_name);  // hash: key, attestation

// Arguments of a Redis command.
using RequestWords = std::vector<std::string>;

// Runs behind a command that wrote `key`, by the user of its client. A key that has no expiry, or
// is gone, has no timer either. With `asked`: it has one, due then, unless the command was
// conditional and Redis shows that it changed nothing.
struct TimerSet {
  policy::ExpiryAsked asked;
  WallTime due{};
  std::string attestation;  // of the fields {kKeyField, key} on event_stream(), with that due time
};
[[nodiscard]] RequestWords timer_request(std::string_view rule_name, std::string_view key,
                                         const std::optional<TimerSet>& set);
// In front of it, where it sets a timer: Redis refuses the whole block when it has no memory left,
// instead of the timer alone. Changes nothing.
[[nodiscard]] RequestWords timer_room(std::string_view rule_name);

// Moves up to `most` timers that are due into event_stream(), each in one step with its removal:
// fields {kKeyField, key} and the attestation. By Keyward's own user; answers how many it looked
// at, so that as many as `most` mean: again. Any number of instances may run it.
[[nodiscard]] RequestWords sweep_request(std::string_view rule_name, WallTime now,
                                         std::uint32_t most);

}  // namespace keyward::trigger
