#include "keyward/audit/line_head.h"

#include <algorithm>
#include <charconv>
#include <cstring>

namespace keyward::audit {
namespace {

bool take(std::string_view& rest, std::string_view expected) {
  if (!rest.starts_with(expected)) return false;
  rest.remove_prefix(expected.size());
  return true;
}

// Digits as we write them: no sign, no leading zero.
bool take_number(std::string_view& rest, std::uint64_t& number) {
  const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), number);
  if (error != std::errc{} || (rest.front() == '0' && end != rest.data() + 1)) return false;
  rest.remove_prefix(static_cast<std::size_t>(end - rest.data()));
  return true;
}

bool is_hash(std::string_view text) {
  return text.size() == 64 && std::all_of(text.begin(), text.end(), [](char digit) {
           return (digit >= '0' && digit <= '9') || (digit >= 'a' && digit <= 'f');
         });
}

}  // namespace

// Inside a text a quote is escaped, so no name can pass for the chain's opening.
std::optional<std::size_t> find_chain(std::string_view line) {
  if (line.starts_with('{') && line.substr(1).starts_with(kChainOpening))
    return 1 + kChainOpening.size();
  if (!line.starts_with(kDataOpening)) return {};
  const void* found =
      ::memmem(line.data(), line.size(), kChainOpening.data(), kChainOpening.size());
  if (found == nullptr) return {};
  return static_cast<std::size_t>(static_cast<const char*>(found) - line.data()) +
         kChainOpening.size();
}

std::optional<LineHead> parse_head(std::string_view line) {
  LineHead head;
  if (line.size() > kLineLimit || !line.ends_with('}')) return {};
  const auto chain = find_chain(line);
  if (!chain) return {};
  std::string_view rest = line.substr(*chain);
  head.prev = rest.substr(0, 64);
  if (!is_hash(head.prev)) return {};
  rest.remove_prefix(64);
  if (!take(rest, R"(","sequence":)") || !take_number(rest, head.sequence)) return {};
  if (!take(rest, R"(,"time_us":)") || !take_number(rest, head.time_us)) return {};
  if (!take(rest, R"(,"kind":")")) return {};
  const std::size_t quote = rest.find('"');
  if (quote == std::string_view::npos || quote > 32) return {};
  head.kind = rest.substr(0, quote);
  return head;
}

}  // namespace keyward::audit
