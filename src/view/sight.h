// Which names a session sees, and how they look without the prefix.
#pragma once

#include "keyward/policy/name_space.h"
#include "keyward/view/reply.h"

#include <optional>
#include <string>
#include <string_view>

namespace keyward::view {

// A channel as the client writes it, in two pieces so that nothing is copied to take the prefix out
// of the middle.
struct BareChannel {
  std::string_view head, rest;
};

[[nodiscard]] inline const std::string& prefix_of(const Lens& lens) {
  return lens.grants.name_space();
}

// Nothing for a name outside of the namespace.
[[nodiscard]] inline std::optional<std::string_view> bare_key(const Lens& lens,
                                                              std::string_view key) {
  return policy::bare_key(prefix_of(lens), key);
}
// The same for patterns of channels.
[[nodiscard]] std::optional<BareChannel> bare_channel(const Lens& lens, std::string_view channel);
void write_channel(std::string& out, const BareChannel& channel);

// The database of Redis's own events: "__keyspace@3__:" is of 3; nothing when it names no number,
// so that no Redis can have said it.
[[nodiscard]] std::optional<std::uint32_t> database_of(const policy::KeyspaceChannel& event);

// The key whose fields an event of Redis 8.8 tells of ("__subkeyspace@0__:k" and its kin), and its
// database; nothing for any other channel, and an empty `key` where the message does not hold to
// its form.
struct SubkeyEvent {
  std::uint32_t db = 0;
  std::optional<std::string_view> key;
};
[[nodiscard]] std::optional<SubkeyEvent> subkey_event(std::string_view channel,
                                                      std::string_view payload);

// A line that begins with '-', whole: what Redis quotes in it loses the prefix.
void append_error(const Lens& lens, std::string_view line, std::string& out);

}  // namespace keyward::view
