// Numbers as Redis reads them in requests.
#pragma once

#include "keyward/base/ascii.h"

#include <cstdint>
#include <optional>
#include <string_view>

namespace keyward::command {

// A count of keys as util.c string2ll reads it, so that nobody can read another number: digits
// only, no sign, no leading zero; at most 9 digits.
inline std::optional<std::uint32_t> count_of(std::string_view text) {
  if (text.empty() || text.size() > 9 || (text[0] == '0' && text.size() > 1)) return std::nullopt;
  std::uint32_t value = 0;
  for (const char c : text) {
    if (!is_digit(c)) return std::nullopt;
    value = value * 10 + static_cast<std::uint32_t>(c - '0');
  }
  return value;
}

inline bool is_integer(std::string_view text) {
  if (!text.empty() && text[0] == '-') text.remove_prefix(1);
  if (text.empty() || text.size() > 19) return false;
  for (const char c : text) {
    if (!is_digit(c)) return false;
  }
  return true;
}

}  // namespace keyward::command
