#include "cli/output.h"

#include "cli/verbs.h"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include <cstdio>

namespace keyward::cli {

bool print_line(std::string_view text) {
  const bool written = std::fwrite(text.data(), 1, text.size(), stdout) == text.size() &&
                       std::fputc('\n', stdout) != EOF;
  return std::fflush(stdout) == 0 && written;
}

bool print_json(const boost::json::value& value) {
  return print_line(boost::json::serialize(value));
}

int fail(std::string_view message) {
  std::fprintf(stderr, "keyward: %.*s\n", static_cast<int>(message.size()), message.data());
  return kDoesNotHold;
}

int fail(std::string_view message, bool json) {
  if (!json) return fail(message);
  print_json(boost::json::object{{"ok", false}, {"error", message}});
  return kDoesNotHold;
}

int usage(std::string_view message) {
  fail(message);
  return kUsage;
}

boost::json::value to_json(const Diagnostics& diagnostics) {
  boost::json::array out;
  for (const Diagnostic& one : diagnostics.all()) {
    out.push_back(
        boost::json::object{{"level", one.level == Diagnostic::Level::error ? "error" : "warning"},
                            {"file", one.file},
                            {"line", one.line},
                            {"column", one.column},
                            {"what", one.what},
                            {"instead", one.instead}});
  }
  return out;
}

std::optional<std::string> bytes_from_latin1(std::string_view utf8) {
  std::string out;
  out.reserve(utf8.size());
  for (std::size_t i = 0; i < utf8.size(); ++i) {
    const auto lead = static_cast<unsigned char>(utf8[i]);
    if (lead < 0x80) {
      out += utf8[i];
      continue;
    }
    // Code points 128 to 255 are the two-byte sequences that begin with C2 or C3.
    if ((lead != 0xC2 && lead != 0xC3) || i + 1 == utf8.size()) return std::nullopt;
    const auto next = static_cast<unsigned char>(utf8[++i]);
    if ((next & 0xC0) != 0x80) return std::nullopt;
    out += static_cast<char>(((lead & 0x03) << 6) | (next & 0x3F));
  }
  return out;
}

std::string latin1_to_utf8(std::string_view bytes) {
  std::string out;
  out.reserve(bytes.size());
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x80) {
      out += c;
    } else {
      out += static_cast<char>(0xC0 | (byte >> 6));
      out += static_cast<char>(0x80 | (byte & 0x3F));
    }
  }
  return out;
}

std::string shell_quoted(std::string_view word) {
  std::string out = "'";
  for (const char c : word) {
    if (c == '\'') {
      out += "'\\''";
    } else {
      out += c;
    }
  }
  return out + "'";
}

}  // namespace keyward::cli
