// Appends bytes of unknown origin as JSON text: always valid UTF-8, always on one line, nothing a
// terminal would obey.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace keyward::audit {

// latin1: the bytes were not UTF-8, and each one became the character of the same number.
enum class Encoding : std::uint8_t { utf8, latin1 };

// The inside of a JSON string. Parsing it gives back exactly `bytes` (utf8), or one character per
// byte (latin1).
Encoding append_escaped(std::string& out, std::string_view bytes);

// At most `limit` bytes of `bytes`, not cut inside a UTF-8 character.
[[nodiscard]] std::string_view cut(std::string_view bytes, std::size_t limit);

void append_number(std::string& out, std::uint64_t number);
void append_signed(std::string& out, std::int64_t number);

inline constexpr std::size_t kTextLimit = 512;

// ,"name":"value" with the value escaped and bounded; nothing when it is empty. A value that was
// cut says by how much.
void put_text(std::string& out, std::string_view name, std::string_view value);
// ,"name":number
void put_number(std::string& out, std::string_view name, std::uint64_t number);
void put_signed(std::string& out, std::string_view name, std::int64_t number);

}  // namespace keyward::audit
