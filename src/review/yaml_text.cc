#include "review/yaml_text.h"

#include "keyward/base/ascii.h"

#include <algorithm>
#include <array>

namespace keyward::review {
namespace {

constexpr std::string_view kHex = "0123456789abcdef";

// Read as something other than text by one YAML or another.
bool reserved(std::string_view text) {
  constexpr std::array<std::string_view, 11> kWords{"true", "false", "null", "yes", "no", "on",
                                                    "off",  "y",     "n",    "nan", "inf"};
  const std::string low = lowered(text);
  return std::find(kWords.begin(), kWords.end(), low) != kWords.end();
}

void put_escape(std::string& out, char c) {
  const auto byte = static_cast<unsigned char>(c);
  out += "\\x";
  out += kHex[byte >> 4U];
  out += kHex[byte & 15U];
}

}  // namespace

bool reads_plain(std::string_view text) {
  if (text.empty() || !(is_letter(text.front()) || text.front() == '_' || text.front() == '/'))
    return false;
  const auto harmless = [](char c) {
    return is_letter(c) || is_digit(c) ||
           std::string_view("_./|@-").find(c) != std::string_view::npos;
  };
  return std::all_of(text.begin(), text.end(), harmless) && !reserved(text);
}

std::string yaml_scalar(std::string_view text) {
  if (reads_plain(text)) return std::string(text);
  const bool control = std::any_of(text.begin(), text.end(),
                                   [](char c) { return (c >= 0 && c < ' ') || c == 0x7F; });
  const bool awkward = text.find_first_of("\\\"") != std::string_view::npos;
  if (awkward && !control) {
    std::string out = "'";
    for (const char c : text) {
      out += c;
      if (c == '\'') out += c;
    }
    return out + "'";
  }
  std::string out = "\"";
  for (const char c : text) {
    if ((c >= 0 && c < ' ') || c == 0x7F) {
      put_escape(out, c);
    } else {
      if (c == '"' || c == '\\') out += '\\';
      out += c;
    }
  }
  return out + "\"";
}

std::string command_word(std::string_view bytes) {
  const bool plain = !bytes.empty() && std::all_of(bytes.begin(), bytes.end(), [](char c) {
    return c > ' ' && c < 0x7F && c != '"' && c != '\'' && c != '\\';
  });
  if (plain) return std::string(bytes);
  std::string out = "\"";
  for (const char c : bytes) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (c >= ' ' && c < 0x7F) {
      out += c;
    } else {
      put_escape(out, c);
    }
  }
  return out + "\"";
}

}  // namespace keyward::review
