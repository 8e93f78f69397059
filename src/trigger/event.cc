#include "keyward/trigger/event.h"

#include "keyward/base/hash.h"

#include <charconv>

namespace keyward::trigger {
namespace {

constexpr std::size_t kLongestName = 80;  // AWS Step Functions, StartExecution `name`
constexpr std::size_t kHashDigits = 12;

bool name_safe(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '_';
}

std::optional<std::uint64_t> number(std::string_view text) {
  if (text.empty() || text.size() > 20) return std::nullopt;
  std::uint64_t out = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return out;
}

}  // namespace

std::string EntryId::text() const { return std::to_string(ms) + '-' + std::to_string(sequence); }

std::optional<EntryId> parse_entry_id(std::string_view text) {
  const std::size_t dash = text.find('-');
  if (dash == std::string_view::npos) return std::nullopt;
  const auto ms = number(text.substr(0, dash));
  const auto sequence = number(text.substr(dash + 1));
  if (!ms || !sequence) return std::nullopt;
  return EntryId{*ms, *sequence};
}

std::string execution_name(std::string_view rule_name, EntryId id) {
  const std::string tail = '-' + id.text();
  std::string head(rule_name);
  bool changed = false;
  for (char& c : head) {
    if (name_safe(c)) continue;
    c = '_';
    changed = true;
  }
  // Two rules must not meet in one name: "a.b" and "a_b".
  if (changed || head.size() + tail.size() > kLongestName) {
    const std::size_t room = kLongestName - tail.size() - kHashDigits - 1;
    head = head.substr(0, room) + '-' + short_hash(rule_name, kHashDigits);
  }
  return head + tail;
}

}  // namespace keyward::trigger
