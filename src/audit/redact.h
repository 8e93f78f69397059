// Which parts of a request may stand in a record: the command's name and the names of keys and
// channels, bounded. Everything else is shown by its length, so that no value and no secret can get
// into the trail.
#pragma once

#include "keyward/audit/json_text.h"

#include "keyward/audit/request.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace keyward::audit {

inline constexpr std::size_t kNameLimit = 256;      // bytes shown of one key or channel
inline constexpr std::size_t kNamesListed = 16;     // keys or channels listed
inline constexpr std::size_t kArgumentsShown = 40;  // in the query string
inline constexpr std::size_t kCommandLimit = 64;

inline constexpr std::size_t kCallsListed = 64;

// What put_names, put_calls and put_query write at most. In the query a byte of a name takes up to 5.
inline constexpr std::size_t kNamesSize =
    256 + kNamesListed * (kGrowth * kNameLimit + 64 + 2 * kNumberSize);
inline constexpr std::size_t kCallsSize = 64 + kCallsListed * (kGrowth * kCommandLimit + 8);
inline constexpr std::size_t kScriptSize = 3 * (kGrowth * kCommandLimit + 24);
inline constexpr std::size_t kQuerySize =
    256 + 2 * kGrowth * kCommandLimit + kArgumentsShown * (5 * kNameLimit + 64 + kNumberSize);

struct Names {
  char* end;
  bool cut;  // something was left out
};
// ,"keys":[...] and, where it applies, how many there are, which of them were cut (with their
// length) or were not UTF-8; with `hash` they are hashed. `one` is "key" or "channel", `which` are indexes into the arguments.
[[nodiscard]] Names put_names(char* at, std::string_view one,
                              std::span<const std::string_view> args,
                              std::span<const std::uint32_t> which,
                              const NameHash* hash = nullptr);

// ,"calls":["get","set"]: the first kCallsListed commands that a script names; nothing for none.
[[nodiscard]] char* put_calls(char* at, std::span<const std::string_view> calls);

// ,"script_sha1":"...","function":"...","library":"...": those that are there.
[[nodiscard]] char* put_script(char* at, const RequestView& request);

// ,"query_info":{"name":"set","query_string":"SET airflow:k <5 bytes>"}: a name with anything but
// plain printable ASCII is quoted like redis-cli quotes, so that no name can look like another
// argument.
[[nodiscard]] char* put_query(char* at, const RequestView& request);

}  // namespace keyward::audit
