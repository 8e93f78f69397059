// Which parts of a request may stand in a record: the command's name and the names of keys and
// channels, bounded. Everything else is shown by its length, so that no value and no secret can get
// into the trail.
#pragma once

#include "keyward/audit/event.h"

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace keyward::audit {

inline constexpr std::size_t kNameLimit = 256;      // bytes shown of one key or channel
inline constexpr std::size_t kNamesListed = 16;     // keys or channels listed
inline constexpr std::size_t kArgumentsShown = 40;  // in the query string
inline constexpr std::size_t kCommandLimit = 64;

// ,"keys":[...],"key_count":n and, where it applies, which of them were cut (with their length) or
// were not UTF-8. True when something was left out.
bool append_names(std::string& out, std::string_view one, std::span<const std::string_view> names);

// SET airflow:k <5 bytes>: the inside of a JSON string. A name with anything but plain printable
// ASCII is quoted like redis-cli quotes, so that no name can look like another argument.
void append_query(std::string& out, const Event& event);

}  // namespace keyward::audit
