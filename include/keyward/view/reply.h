// What a client may see of an answer: names of others left out, its own without the prefix. Pure;
// no I/O. Answers are Redis's, so trusted to be RESP; anything but the documented shape is refused
// whole, never passed on.
#pragma once

#include "keyward/command/command.h"
#include "keyward/policy/grants.h"
#include "keyward/resp/writer.h"

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace keyward::view {

// Where an answer names keys or channels. One byte, kept with the request that is under way.
enum class Shape : std::uint8_t {
  as_is,      // nothing to do: bytes stream through
  errors,     // only an error may quote a name ("-NOGROUP No such key 'team:x' ..."): whatever
              // does not begin with '-' or '!' streams through
  key,        // a key or null: RANDOMKEY inside a transaction
  keys,       // an array of keys: KEYS
  scan,       // [cursor, [keys]]
  some_key,   // of an array of keys or nulls the first that may be seen: RANDOMKEY, asked often
  first_key,  // null, or an array that begins with a key: BLPOP, BZPOPMIN, LMPOP, ZMPOP
  streams,    // null, [[key, entries]], RESP3 {key: entries}: XREAD, XREADGROUP
  channels,   // an array of channels: PUBSUB CHANNELS, SHARDCHANNELS
  channel_counts,  // [channel, count, ...]: PUBSUB NUMSUB, SHARDNUMSUB
};

// What `command` (permitted by `permit`, in Redis's names) may answer. `as_is` for nearly
// everything without a namespace. Never `key`: that one the caller knows by itself.
[[nodiscard]] Shape shape_of(const command::Command& command, const policy::Permit& permit,
                             const policy::Grants& grants);

// The eyes of one session. Views; made where it is used.
struct Lens {
  const policy::Grants& grants;
  std::uint32_t db = 0;
  resp::Protocol protocol = resp::Protocol::resp2;
  // The command that was answered; key, keys, scan and some_key show nothing without it.
  const command::CommandInfo* by = nullptr;
};

// Appends what the client gets for the whole answer `reply`; an error takes the place of any shape.
// False: not the shape that Redis documents; nothing was appended, and the caller answers an error
// in its place.
[[nodiscard]] bool show(Shape shape, const Lens& lens, std::string_view reply, std::string& out);

// The answer of EXEC: null, an error, or one element for each member, shown by the member's shape
// (`lens.by` is the member's). False as above.
struct Member {
  Shape shape = Shape::as_is;
  const command::CommandInfo* by = nullptr;
};
[[nodiscard]] bool show_exec(std::span<const Member> members, const Lens& lens,
                             std::string_view reply, std::string& out);

// A frame of a subscribed or tracking connection: message, pmessage, smessage, (un)subscribe
// confirmations, invalidate; without a namespace too, since keyevent messages carry everybody's
// keys. `out` stays empty for a message that this client may not see. False as above.
[[nodiscard]] bool show_frame(const Lens& lens, std::string_view frame, std::string& out);

}  // namespace keyward::view
