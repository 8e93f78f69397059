// Bytes and words as Redis, HTTP and AWS take them: ASCII only, whatever the locale; names are
// compared without regard to case.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace keyward {

constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }
constexpr bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
constexpr bool is_alnum(char c) { return is_letter(c) || is_digit(c); }
// What names of grants, issuers, hosts and the values of templates are made of.
constexpr bool is_plain(char c) { return is_alnum(c) || c == '_' || c == '.' || c == '-'; }

constexpr char to_lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
}
constexpr char to_upper(char c) {
  return c >= 'a' && c <= 'z' ? static_cast<char>(c - ('a' - 'A')) : c;
}

// Letters of the two cases differ in bit 5 alone.
constexpr bool same_word(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (a[i] != b[i] && ((a[i] ^ b[i]) != 0x20 || !is_letter(a[i]))) return false;
  }
  return true;
}

inline std::string lowered(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = to_lower(c);
  return out;
}

inline std::string uppered(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = to_upper(c);
  return out;
}

}  // namespace keyward
