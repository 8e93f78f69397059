#include "view/sight.h"

#include <charconv>

namespace keyward::view {
namespace {

// t_stream.c: "-NOGROUP No such key '%s' or consumer group '%s'", and
// "-NOGROUP No such consumer group '%s' for key name '%s'". A script's error has either in front of
// its own words, or behind them before Redis 7.
constexpr std::string_view kKeyFirst = "No such key '";
constexpr std::string_view kGroupFirst = "No such consumer group '";
constexpr std::string_view kKeyBehind = "' for key name '";

// Behind `quote`, where a name with the prefix follows it.
std::size_t quoted_at(std::string_view text, std::string_view quote, std::string_view prefix) {
  for (std::size_t at = text.find(quote); at != std::string_view::npos;
       at = text.find(quote, at + 1)) {
    if (text.substr(at + quote.size()).starts_with(prefix)) return at + quote.size();
  }
  return std::string_view::npos;
}

std::optional<std::uint32_t> number(std::string_view text) {
  std::uint32_t value = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (code != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// "<length>:<key>|..."
std::optional<std::string_view> counted_key(std::string_view payload) {
  const std::size_t colon = payload.find(':');
  if (colon == std::string_view::npos) return std::nullopt;
  const auto length = number(payload.substr(0, colon));
  const std::string_view rest = payload.substr(colon + 1);
  if (!length || *length >= rest.size() || rest[*length] != '|') return std::nullopt;
  return rest.substr(0, *length);
}

}  // namespace

std::optional<SubkeyEvent> subkey_event(std::string_view channel, std::string_view payload) {
  const std::size_t at = channel.find('@');
  const std::size_t end = channel.find("__:");
  if (at == std::string_view::npos || end == std::string_view::npos || end < at)
    return std::nullopt;
  const std::string_view family = channel.substr(0, at);
  const auto db = number(channel.substr(at + 1, end - at - 1));
  if (!db) return std::nullopt;
  const std::string_view rest = channel.substr(end + 3);
  if (family == "__subkeyspace") return SubkeyEvent{*db, rest};
  if (family == "__subkeyevent") return SubkeyEvent{*db, counted_key(payload)};
  // Keys with a line feed have no such events; events have no '|' in their names.
  if (family == "__subkeyspaceitem") return SubkeyEvent{*db, rest.substr(0, rest.find('\n'))};
  if (family != "__subkeyspaceevent") return std::nullopt;
  const std::size_t bar = rest.find('|');
  if (bar == std::string_view::npos) return SubkeyEvent{*db, std::nullopt};
  return SubkeyEvent{*db, rest.substr(bar + 1)};
}

std::optional<BareChannel> bare_channel(const Lens& lens, std::string_view channel) {
  const std::string& prefix = prefix_of(lens);
  if (prefix.empty()) return BareChannel{{}, channel};
  const policy::KeyspaceChannel event = policy::keyspace_channel(channel);
  if (event.kind == policy::KeyspaceChannel::Kind::keyevent) return BareChannel{{}, channel};
  const bool keyspace = event.kind == policy::KeyspaceChannel::Kind::keyspace;
  const auto bare = policy::bare_key(prefix, keyspace ? event.rest : channel);
  if (!bare) return std::nullopt;
  return BareChannel{keyspace ? event.head : std::string_view(), *bare};
}

void write_channel(std::string& out, const BareChannel& channel) {
  resp::write_bulk_head(out, channel.head.size() + channel.rest.size());
  out.append(channel.head).append(channel.rest).append("\r\n");
}

std::optional<std::uint32_t> database_of(const policy::KeyspaceChannel& event) {
  constexpr std::size_t kBefore = std::string_view("__keyspace@").size();
  constexpr std::size_t kBehind = std::string_view("__:").size();
  if (event.head.size() < kBefore + kBehind) return std::nullopt;
  return number(event.head.substr(kBefore, event.head.size() - kBefore - kBehind));
}

void append_error(const Lens& lens, std::string_view line, std::string& out) {
  const std::string& prefix = prefix_of(lens);
  std::size_t at = std::string_view::npos;
  if (!prefix.empty()) {
    const bool group_first = line.find(kGroupFirst) < line.find(kKeyFirst);
    at = quoted_at(line, group_first ? kKeyBehind : kKeyFirst, prefix);
  }
  if (at == std::string_view::npos) {
    out.append(line);
  } else {
    out.append(line.substr(0, at)).append(line.substr(at + prefix.size()));
  }
}

}  // namespace keyward::view
