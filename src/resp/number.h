// Integers as Redis reads them (util.c string2ll): no plus sign, no leading zero, no blanks, all of
// the text.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string_view>

namespace keyward::resp {

[[nodiscard]] inline bool parse_integer(std::string_view text, std::int64_t& value) {
  constexpr std::size_t kLongest = 20;  // "-9223372036854775808"
  if (text.empty() || text.size() > kLongest) return false;
  if (text == "0") {
    value = 0;
    return true;
  }
  const bool negative = text.front() == '-';
  if (negative) text.remove_prefix(1);
  if (text.empty() || text.front() < '1' || text.front() > '9') return false;
  constexpr auto kMost = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  const std::uint64_t most = kMost + (negative ? 1 : 0);
  std::uint64_t number = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return false;
    const auto digit = static_cast<std::uint64_t>(c - '0');
    if (number > (most - digit) / 10) return false;
    number = number * 10 + digit;
  }
  value = static_cast<std::int64_t>(negative ? 0 - number : number);
  return true;
}

// "<digits>CRLF" of at most nine digits at the start of `text`: its bytes, or 0 when it is anything
// else.
[[nodiscard]] inline std::size_t short_number(std::string_view text, std::uint32_t& value) {
  constexpr std::size_t kDigits = 9;
  const std::size_t end = text.size() < kDigits ? text.size() : kDigits;
  std::uint32_t number = 0;
  std::size_t i = 0;
  for (; i < end; ++i) {
    const auto digit = static_cast<std::uint32_t>(static_cast<unsigned char>(text[i])) - '0';
    if (digit > 9) break;
    number = number * 10 + digit;
  }
  if (i == 0 || i + 2 > text.size() || text[i] != '\r' || text[i + 1] != '\n') return 0;
  if (text[0] == '0' && i > 1) return 0;
  value = number;
  return i + 2;
}

}  // namespace keyward::resp
