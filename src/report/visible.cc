#include "keyward/report/visible.h"

#include "keyward/base/utf8.h"

#include <fmt/format.h>

namespace keyward::report {
namespace {

// Of a character that utf8_step() found whole.
char32_t code_point(std::string_view character) {
  const auto byte = [&](std::size_t i) {
    return static_cast<char32_t>(static_cast<unsigned char>(character[i]));
  };
  switch (character.size()) {
    case 1:
      return byte(0);
    case 2:
      return (byte(0) & 0x1FU) << 6U | (byte(1) & 0x3FU);
    case 3:
      return (byte(0) & 0x0FU) << 12U | (byte(1) & 0x3FU) << 6U | (byte(2) & 0x3FU);
    default:
      return (byte(0) & 0x07U) << 18U | (byte(1) & 0x3FU) << 12U | (byte(2) & 0x3FU) << 6U |
             (byte(3) & 0x3FU);
  }
}

// Marks of direction, joiners and spaces without width, separators of lines, the byte order mark,
// tags and selectors: what changes how other text looks, or looks like nothing. Unicode 15, general
// category Cf with Zl, Zp and the fillers that show as blanks.
bool hides(char32_t c) {
  return c == 0xAD || c == 0x34F || c == 0x61C || c == 0x115F || c == 0x1160 || c == 0x17B4 ||
         c == 0x17B5 || (c >= 0x180B && c <= 0x180F) || (c >= 0x200B && c <= 0x200F) ||
         (c >= 0x2028 && c <= 0x202E) || (c >= 0x2060 && c <= 0x206F) || c == 0x3164 ||
         (c >= 0xFE00 && c <= 0xFE0F) || c == 0xFEFF || c == 0xFFA0 ||
         (c >= 0xFFF0 && c <= 0xFFFB) || c >= 0xE0000;
}

std::string shown_as(std::string_view text, bool lines) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t step = utf8_step(text, at);
    if (step == 0) {
      out += fmt::format("\\x{:02x}", static_cast<unsigned char>(text[at++]));
      continue;
    }
    const std::string_view character = text.substr(at, step);
    const char32_t code = code_point(character);
    at += step;
    if (lines && (code == '\n' || code == '\t')) {
      out += character;
    } else if (code < 0x20 || (code >= 0x7F && code < 0xA0)) {
      out += fmt::format("\\x{:02x}", static_cast<std::uint32_t>(code));
    } else if (hides(code)) {
      out += fmt::format("<U+{:04X}>", static_cast<std::uint32_t>(code));
    } else {
      out += character;
    }
  }
  return out;
}

}  // namespace

std::string visible(std::string_view text) { return shown_as(text, false); }
std::string visible_lines(std::string_view text) { return shown_as(text, true); }

}  // namespace keyward::report
