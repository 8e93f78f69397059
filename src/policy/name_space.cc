#include "keyward/policy/name_space.h"

namespace keyward::policy {

KeyspaceChannel keyspace_channel(std::string_view channel) {
  const bool keyspace = channel.starts_with("__keyspace@");
  if (!keyspace && !channel.starts_with("__keyevent@")) return {};
  const std::size_t end = channel.find("__:", 11);
  if (end == std::string_view::npos) return {};
  return {keyspace ? KeyspaceChannel::Kind::keyspace : KeyspaceChannel::Kind::keyevent,
          channel.substr(0, end + 3), channel.substr(end + 3)};
}

std::string qualified_key(std::string_view prefix, std::string_view key) {
  std::string out;
  out.reserve(prefix.size() + key.size());
  return out.append(prefix).append(key);
}

std::string qualified_channel(std::string_view prefix, std::string_view channel) {
  const KeyspaceChannel event = keyspace_channel(channel);
  switch (event.kind) {
    case KeyspaceChannel::Kind::keyspace:
      return std::string(event.head).append(prefix).append(event.rest);
    case KeyspaceChannel::Kind::keyevent:
      return std::string(channel);
    case KeyspaceChannel::Kind::none:
      break;
  }
  return qualified_key(prefix, channel);
}

std::optional<std::string_view> bare_key(std::string_view prefix, std::string_view key) {
  if (!key.starts_with(prefix)) return std::nullopt;
  return key.substr(prefix.size());
}

std::optional<std::string> bare_channel(std::string_view prefix, std::string_view channel) {
  const KeyspaceChannel event = keyspace_channel(channel);
  if (event.kind == KeyspaceChannel::Kind::keyevent) return std::string(channel);
  if (event.kind == KeyspaceChannel::Kind::none) {
    const auto bare = bare_key(prefix, channel);
    return bare ? std::optional<std::string>(*bare) : std::nullopt;
  }
  const auto bare = bare_key(prefix, event.rest);
  if (!bare) return std::nullopt;
  return std::string(event.head).append(*bare);
}

}  // namespace keyward::policy
