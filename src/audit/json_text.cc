#include "audit/json_text.h"

#include <array>
#include <charconv>

namespace keyward::audit {
namespace {

constexpr std::array<bool, 256> make_plain() {
  std::array<bool, 256> plain{};
  for (std::size_t byte = 0x20; byte < 0x7f; ++byte) plain[byte] = byte != '"' && byte != '\\';
  return plain;
}
constexpr std::array<bool, 256> kPlain = make_plain();

std::uint8_t at(std::string_view bytes, std::size_t index) {
  return static_cast<std::uint8_t>(bytes[index]);
}

void append_code(std::string& out, std::uint32_t code) {
  static constexpr std::string_view kDigits = "0123456789abcdef";
  const std::array<char, 6> text{'\\',
                                 'u',
                                 kDigits[code >> 12 & 15],
                                 kDigits[code >> 8 & 15],
                                 kDigits[code >> 4 & 15],
                                 kDigits[code & 15]};
  out.append(text.data(), text.size());
}

void append_ascii(std::string& out, char byte) {
  switch (byte) {
    case '"':
      out.append("\\\"", 2);
      break;
    case '\\':
      out.append("\\\\", 2);
      break;
    case '\n':
      out.append("\\n", 2);
      break;
    case '\r':
      out.append("\\r", 2);
      break;
    case '\t':
      out.append("\\t", 2);
      break;
    default:
      append_code(out, static_cast<std::uint8_t>(byte));
  }
}

struct Character {
  std::uint32_t code = 0;
  std::size_t length = 0;  // 0 = not UTF-8 here
};

// RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF.
Character decode(std::string_view bytes, std::size_t index) {
  const std::uint8_t lead = at(bytes, index);
  const std::size_t length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (lead < 0xc2 || lead > 0xf4 || bytes.size() - index < length) return {};
  std::uint32_t code = lead & (0x7fU >> length);
  for (std::size_t step = 1; step < length; ++step) {
    const std::uint8_t next = at(bytes, index + step);
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

void append_latin1(std::string& out, std::string_view bytes) {
  for (const char byte : bytes) {
    const auto code = static_cast<std::uint8_t>(byte);
    if (kPlain[code]) {
      out.push_back(byte);
    } else if (code < 0x80) {
      append_ascii(out, byte);
    } else {
      append_code(out, code);
    }
  }
}

}  // namespace

Encoding append_escaped(std::string& out, std::string_view bytes) {
  const std::size_t begin = out.size();
  std::size_t index = 0;
  while (index < bytes.size()) {
    std::size_t end = index;
    while (end < bytes.size() && kPlain[at(bytes, end)]) ++end;
    out.append(bytes, index, end - index);
    if (end == bytes.size()) break;
    index = end;
    if (at(bytes, index) < 0x80) {
      append_ascii(out, bytes[index++]);
      continue;
    }
    const Character character = decode(bytes, index);
    if (character.length == 0) {
      out.resize(begin);
      append_latin1(out, bytes);
      return Encoding::latin1;
    }
    if (harmful(character.code)) {
      append_code(out, character.code);
    } else {
      out.append(bytes, index, character.length);
    }
    index += character.length;
  }
  return Encoding::utf8;
}

std::string_view cut(std::string_view bytes, std::size_t limit) {
  if (bytes.size() <= limit) return bytes;
  std::size_t end = limit;
  while (end > 0 && limit - end < 3 && (at(bytes, end) & 0xc0) == 0x80) --end;
  return bytes.substr(0, at(bytes, end) >= 0xc0 ? end : limit);
}

void append_number(std::string& out, std::uint64_t number) {
  std::array<char, 20> text{};
  out.append(text.data(), std::to_chars(text.begin(), text.end(), number).ptr);
}

void append_signed(std::string& out, std::int64_t number) {
  std::array<char, 20> text{};
  out.append(text.data(), std::to_chars(text.begin(), text.end(), number).ptr);
}

namespace {
void put_name(std::string& out, std::string_view name) {
  out.append(",\"", 2);
  out.append(name);
  out.append("\":", 2);
}
}  // namespace

void put_text(std::string& out, std::string_view name, std::string_view value) {
  if (value.empty()) return;
  put_name(out, name);
  out.push_back('"');
  const std::string_view shown = cut(value, kTextLimit);
  append_escaped(out, shown);
  if (shown.size() < value.size()) {
    out.append("...(+");
    append_number(out, value.size() - shown.size());
    out.append(" bytes)");
  }
  out.push_back('"');
}

void put_number(std::string& out, std::string_view name, std::uint64_t number) {
  put_name(out, name);
  append_number(out, number);
}

void put_signed(std::string& out, std::string_view name, std::int64_t number) {
  put_name(out, name);
  append_signed(out, number);
}

}  // namespace keyward::audit
