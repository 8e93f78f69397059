#include "trail/json_scan.h"

namespace keyward::trail {
namespace {

bool hex4(std::string_view inside, std::size_t at, std::uint32_t& out) {
  if (inside.size() < at + 4) return false;
  const char* const begin = inside.data() + at;
  const auto [after, error] = std::from_chars(begin, begin + 4, out, 16);
  return error == std::errc{} && after == begin + 4;
}

void put_utf8(std::uint32_t code, std::string& out) {
  if (code < 0x80) {
    out += static_cast<char>(code);
    return;
  }
  if (code < 0x800) {
    out += static_cast<char>(0xc0 | (code >> 6));
  } else {
    if (code < 0x10000) {
      out += static_cast<char>(0xe0 | (code >> 12));
    } else {
      out += static_cast<char>(0xf0 | (code >> 18));
      out += static_cast<char>(0x80 | ((code >> 12) & 0x3f));
    }
    out += static_cast<char>(0x80 | ((code >> 6) & 0x3f));
  }
  out += static_cast<char>(0x80 | (code & 0x3f));
}

// \uXXXX at `at`, two of them for what is beyond U+FFFF; half of a pair stands for U+FFFD.
bool put_code(std::string_view inside, std::size_t& at, std::string& out) {
  std::uint32_t code = 0, low = 0;
  if (!hex4(inside, at + 2, code)) return false;
  at += 6;
  if (code >= 0xd800 && code < 0xdc00) {
    const bool paired = inside.substr(at).starts_with("\\u") && hex4(inside, at + 2, low) &&
                        low >= 0xdc00 && low < 0xe000;
    if (paired) at += 6;
    code = paired ? 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00) : 0xfffd;
  } else if (code >= 0xdc00 && code < 0xe000) {
    code = 0xfffd;
  }
  put_utf8(code, out);
  return true;
}

}  // namespace

bool unescape(std::string_view inside, std::string& out) {
  static constexpr std::string_view kNames = "\"\\/bfnrt";
  static constexpr std::string_view kBytes = "\"\\/\b\f\n\r\t";
  for (std::size_t at = 0; at < inside.size();) {
    const std::size_t slash = std::min(inside.find('\\', at), inside.size());
    out.append(inside.substr(at, slash - at));
    at = slash;
    if (at == inside.size()) break;
    if (at + 1 == inside.size()) return false;
    if (inside[at + 1] == 'u') {
      if (!put_code(inside, at, out)) return false;
      continue;
    }
    const std::size_t which = kNames.find(inside[at + 1]);
    if (which == std::string_view::npos) return false;
    out += kBytes[which];
    at += 2;
  }
  return true;
}

bool JsonScan::word(std::string_view expected) {
  if (!std::string_view(at_, static_cast<std::size_t>(end_ - at_)).starts_with(expected))
    return false;
  at_ += expected.size();
  return true;
}

bool JsonScan::skip_number() {
  double number = 0;
  const auto [after, error] = std::from_chars(at_, end_, number);
  if (after == at_ || error == std::errc::invalid_argument) return false;
  at_ = after;
  return true;
}

bool JsonScan::skip() {
  RawText ignored;
  switch (peek()) {
    case '"':
      return string(ignored);
    case '{':
      return object([this](std::string_view) { return skip(); });
    case '[':
      return array([this] { return skip(); });
    case 't':
      return word("true");
    case 'f':
      return word("false");
    case 'n':
      return word("null");
    case '-':
    case '0':
    case '1':
    case '2':
    case '3':
    case '4':
    case '5':
    case '6':
    case '7':
    case '8':
    case '9':
      return skip_number();
    default:
      return false;
  }
}

}  // namespace keyward::trail
