#include "cli/output.h"

#include "cli/verbs.h"

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
