// Writes bytes of unknown origin as JSON text: always valid UTF-8, always on one line, nothing a
// terminal would obey.
//
// The functions write at `at` and answer where they ended; the caller has room for kGrowth times
// the bytes of a text. Records are bounded (kLineLimit), so the journal makes that room once for a
// record and no piece of it is checked or copied twice.
#pragma once

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace keyward::audit {

inline constexpr std::size_t kGrowth = 6;  // a byte becomes \u00xx at worst
inline constexpr std::size_t kNumberSize = 20;

// As it stands.
inline char* put(char* at, std::string_view bytes) {
  if (bytes.empty()) return at;  // and perhaps nowhere: memcpy takes no null
  std::memcpy(at, bytes.data(), bytes.size());
  return at + bytes.size();
}
// A literal: its size is known to the compiler, and it becomes a few moves.
template <std::size_t kSize>
inline char* put(char* at, const char (&literal)[kSize]) {
  std::memcpy(at, literal, kSize - 1);
  return at + kSize - 1;
}
inline char* put(char* at, char byte) {
  *at = byte;
  return at + 1;
}
inline char* put(char* at, std::uint64_t number) {
  return std::to_chars(at, at + kNumberSize, number).ptr;
}
inline char* put_signed(char* at, std::int64_t number) {
  return std::to_chars(at, at + kNumberSize, number).ptr;
}

// latin1: the bytes were not UTF-8, and each one became the character of the same number.
enum class Encoding : std::uint8_t { utf8, latin1 };
struct Escaped {
  char* end;
  Encoding encoding;
};

// The inside of a JSON string. Parsing it gives back exactly `bytes` (utf8), or one character per
// byte (latin1).
[[nodiscard]] Escaped escape(char* at, std::string_view bytes);

// At most `limit` bytes of `bytes`, not cut inside a UTF-8 character.
[[nodiscard]] std::string_view cut(std::string_view bytes, std::size_t limit);

inline constexpr std::size_t kTextLimit = 512;

// The inside of a string again, bounded; what was cut says by how much.
[[nodiscard]] char* put_bounded(char* at, std::string_view text);
// ,"name":"value" with the value escaped and bounded; nothing when it is empty.
template <std::size_t kSize>
[[nodiscard]] char* put_text(char* at, const char (&name)[kSize], std::string_view value) {
  if (value.empty()) return at;
  at = put(put(put(at, ",\""), name), "\":\"");
  return put(put_bounded(at, value), '"');
}
// ,"name":number
template <std::size_t kSize>
[[nodiscard]] char* put_number(char* at, const char (&name)[kSize], std::uint64_t number) {
  return put(put(put(put(at, ",\""), name), "\":"), number);
}

// For what is made once and not on the data path: lets `fill` write up to `room` bytes at the end
// of `out`.
template <typename Fill>
void append_filled(std::string& out, std::size_t room, const Fill& fill) {
  const std::size_t size = out.size();
  out.resize(size + room);
  out.resize(static_cast<std::size_t>(fill(out.data() + size) - out.data()));
}

}  // namespace keyward::audit
