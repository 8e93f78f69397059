#include "forward/syslog.h"

#include <algorithm>
#include <fmt/format.h>

namespace keyward::forward {
namespace {

constexpr int kLogAudit = 13;

// PRINTUSASCII without spaces; "-" for nothing.
std::string word(std::string_view text, std::size_t most) {
  std::string out(text.substr(0, most));
  std::replace_if(
      out.begin(), out.end(), [](char byte) { return byte <= ' ' || byte > '~'; }, '_');
  return out.empty() ? "-" : out;
}

// PARAM-VALUE: these three are escaped (6.3.3).
std::string value(std::string_view text) {
  std::string out;
  for (const char byte : text) {
    if (byte == '"' || byte == '\\' || byte == ']') out += '\\';
    out += byte;
  }
  return out;
}

}  // namespace

int syslog_priority(const Item& item) {
  constexpr int kBySeverity[] = {6, 6, 5, 4, 3, 2, 1};  // Unknown, Informational ... Fatal
  const int severity = item.severity >= 0 && item.severity <= 6 ? kBySeverity[item.severity] : 5;
  return kLogAudit * 8 + (item.failed ? std::min(severity, 4) : severity);
}

std::string syslog_frame(const Item& item, std::string_view host, std::string_view instance,
                         long process) {
  const std::string head = fmt::format(
      R"(<{}>1 {} {} keyward {} {} [keyward@32473 instance="{}" stream="{}" sequence="{}" kind="{}"] )",
      syslog_priority(item), rfc3339(item.time_us), word(host, 255), process, word(item.kind, 32),
      value(instance), value(item.stream), item.sequence, value(item.kind));
  return fmt::format("{} {}{}", head.size() + item.line.size(), head, item.line);
}

}  // namespace keyward::forward
