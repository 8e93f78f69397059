#include "keyward/audit/json_text.h"

#include "audit/eight_bytes.h"

#include <array>

namespace keyward::audit {
namespace {

constexpr std::array<bool, 256> make_plain() {
  std::array<bool, 256> plain{};
  for (std::size_t byte = 0x20; byte < 0x7f; ++byte) plain[byte] = byte != '"' && byte != '\\';
  return plain;
}
constexpr std::array<bool, 256> kPlain = make_plain();

std::uint8_t byte_at(std::string_view bytes, std::size_t index) {
  return static_cast<std::uint8_t>(bytes[index]);
}

char* put_code(char* at, std::uint32_t code) {
  static constexpr std::string_view kDigits = "0123456789abcdef";
  const std::array<char, 6> text{'\\',
                                 'u',
                                 kDigits[code >> 12 & 15],
                                 kDigits[code >> 8 & 15],
                                 kDigits[code >> 4 & 15],
                                 kDigits[code & 15]};
  return put(at, {text.data(), text.size()});
}

char* put_ascii(char* at, char byte) {
  switch (byte) {
    case '"':
      return put(at, "\\\"");
    case '\\':
      return put(at, "\\\\");
    case '\n':
      return put(at, "\\n");
    case '\r':
      return put(at, "\\r");
    case '\t':
      return put(at, "\\t");
    default:
      return put_code(at, static_cast<std::uint8_t>(byte));
  }
}

struct Character {
  std::uint32_t code = 0;
  std::size_t length = 0;  // 0 = not UTF-8 here
};

// RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF.
Character decode(std::string_view bytes, std::size_t index) {
  const std::uint8_t lead = byte_at(bytes, index);
  const std::size_t length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (lead < 0xc2 || lead > 0xf4 || bytes.size() - index < length) return {};
  std::uint32_t code = lead & (0x7fU >> length);
  for (std::size_t step = 1; step < length; ++step) {
    const std::uint8_t next = byte_at(bytes, index + step);
    if ((next & 0xc0) != 0x80) return {};
    code = code << 6 | (next & 0x3fU);
  }
  const bool overlong = (length == 3 && code < 0x800) || (length == 4 && code < 0x10000);
  if (overlong || (code >= 0xd800 && code <= 0xdfff) || code > 0x10ffff) return {};
  return {code, length};
}

// Line separators of Unicode, C1 control characters and what turns the writing direction: legal in
// JSON, not in a log.
bool harmful(std::uint32_t code) {
  return code < 0xa0 || (code >= 0x2028 && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069);
}

char* put_latin1(char* at, std::string_view bytes) {
  for (const char byte : bytes) {
    const auto code = static_cast<std::uint8_t>(byte);
    if (kPlain[code]) {
      *at++ = byte;
    } else {
      at = code < 0x80 ? put_ascii(at, byte) : put_code(at, code);
    }
  }
  return at;
}

}  // namespace

Escaped escape(char* at, std::string_view bytes) {
  char* const begin = at;
  std::size_t index = 0;
  while (index < bytes.size()) {
    while (bytes.size() - index >= 8) {
      const EightBytes some(bytes.data() + index);
      if (EightBytes::any(some.below(' ') | some.equal('"') | some.equal('\\') |
                          some.beyond_ascii()))
        break;
      some.store(at);
      at += 8;
      index += 8;
    }
    while (index < bytes.size() && kPlain[byte_at(bytes, index)]) *at++ = bytes[index++];
    if (index == bytes.size()) break;
    if (byte_at(bytes, index) < 0x80) {
      at = put_ascii(at, bytes[index++]);
      continue;
    }
    const Character character = decode(bytes, index);
    if (character.length == 0) return {put_latin1(begin, bytes), Encoding::latin1};
    at = harmful(character.code) ? put_code(at, character.code)
                                 : put(at, bytes.substr(index, character.length));
    index += character.length;
  }
  return {at, Encoding::utf8};
}

std::string_view cut(std::string_view bytes, std::size_t limit) {
  if (bytes.size() <= limit) return bytes;
  std::size_t end = limit;
  while (end > 0 && limit - end < 3 && (byte_at(bytes, end) & 0xc0) == 0x80) --end;
  return bytes.substr(0, byte_at(bytes, end) >= 0xc0 ? end : limit);
}

char* put_bounded(char* at, std::string_view text) {
  const std::string_view shown = cut(text, kTextLimit);
  at = escape(at, shown).end;
  if (shown.size() == text.size()) return at;
  at = put(at, "...(+");
  at = put(at, std::uint64_t{text.size() - shown.size()});
  return put(at, " bytes)");
}

}  // namespace keyward::audit
