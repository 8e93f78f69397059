#include "agent/waits.h"

#include "keyward/base/ascii.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>

namespace keyward::agent {

namespace {

using Args = std::span<const std::string_view>;
using std::chrono::milliseconds;

constexpr double kLongestWait = 1e9;  // seconds

std::optional<WaitRequest> seconds_at(Args args, std::size_t index) {
  if (index >= args.size()) return std::nullopt;
  const std::string_view text = args[index];
  double value = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (code != std::errc() || end != text.data() + text.size()) return std::nullopt;
  if (!(value >= 0 && value <= kLongestWait)) return std::nullopt;
  // Redis rounds up as well: a short wait is none for ever.
  const auto time = milliseconds(static_cast<std::int64_t>(value * 1000 + 0.999));
  return WaitRequest{.index = index, .milliseconds = false, .time = time};
}

// [BLOCK ms] before STREAMS keys ids.
std::optional<WaitRequest> stream_wait(Args args, std::size_t first, bool any_id) {
  std::optional<WaitRequest> found;
  std::size_t at = first;
  for (; at < args.size() && !same_word(args[at], "streams"); ++at) {
    if (!same_word(args[at], "block") || at + 1 >= args.size()) continue;
    const std::string_view text = args[at + 1];
    std::int64_t value = 0;
    const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (code != std::errc() || end != text.data() + text.size() || value < 0) return std::nullopt;
    found = WaitRequest{.index = ++at, .milliseconds = true, .time = milliseconds(value)};
  }
  if (!found || at >= args.size()) return std::nullopt;
  const Args names = args.subspan(at + 1);
  const Args ids = names.subspan(names.size() / 2);
  const bool moving = std::any_of(ids.begin(), ids.end(),
                                  [](std::string_view id) { return id == "$" || id == "+"; });
  if (moving && !any_id) return std::nullopt;
  return found;
}

}  // namespace

std::optional<WaitRequest> read_wait(Args args) {
  constexpr std::array<std::string_view, 6> kLast{"blpop",  "brpop",    "brpoplpush",
                                                  "blmove", "bzpopmin", "bzpopmax"};
  const std::string_view name = args[0];
  const char first = to_lower(name[0]);
  if (first == 'b') {
    for (const std::string_view one : kLast) {
      if (same_word(name, one))
        return args.size() < 3 ? std::nullopt : seconds_at(args, args.size() - 1);
    }
    if (same_word(name, "blmpop") || same_word(name, "bzmpop")) return seconds_at(args, 1);
  } else if (first == 'x') {
    if (same_word(name, "xread")) return stream_wait(args, 1, false);
    if (same_word(name, "xreadgroup")) return stream_wait(args, 4, true);
  }
  return std::nullopt;
}

std::string wait_text(milliseconds time, bool as_milliseconds) {
  const long long whole = std::max<long long>(1, time.count());
  if (as_milliseconds) return std::to_string(whole);
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%lld.%03lld", whole / 1000, whole % 1000);
  return text.data();
}

}  // namespace keyward::agent
