// One event on its way from a stream to a target. A plain value, owned by the engine's thread.
#pragma once

#include "keyward/trigger/attestation.h"
#include "keyward/trigger/rule.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace keyward::trigger {

// The id of a stream entry: "1699999999999-0".
struct EntryId {
  std::uint64_t ms = 0, sequence = 0;
  [[nodiscard]] std::string text() const;
  friend auto operator<=>(const EntryId&, const EntryId&) = default;
};
[[nodiscard]] std::optional<EntryId> parse_entry_id(std::string_view text);

struct Field {
  std::string name, value;  // any bytes
};

struct Event {
  EntryId id;
  std::string stream;         // event_stream() of its rule
  std::vector<Field> fields;  // as read, without the attestation
  Attested by;                // verified
};
// Of a channel's event the fields are "channel" and "message", of an expiry's "key".
inline constexpr std::string_view kChannelField = "channel";
inline constexpr std::string_view kMessageField = "message";
inline constexpr std::string_view kKeyField = "key";

// The deterministic name of what the event starts: "<rule>-<ms>-<sequence>", 80 characters of
// [A-Za-z0-9_-] at most (names of state machine executions; workloads: unique for 90 days). A rule
// name with other characters or too long is shortened with a hash.
[[nodiscard]] std::string execution_name(std::string_view rule_name, EntryId id);

}  // namespace keyward::trigger
