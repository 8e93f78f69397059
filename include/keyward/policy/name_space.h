// Names under a namespace: the client writes "q", Redis sees "team:q". One rule for the decision,
// the ACL user, and the rewriting of requests and answers.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace keyward::policy {

// A namespace is plain text: none of its bytes is special in a Redis glob, so a qualified pattern
// needs no escapes. Empty = none, names stay as they are.

// "q" -> "team:q"; the same for key patterns.
[[nodiscard]] std::string qualified_key(std::string_view prefix, std::string_view key);
// "results" -> "team:results". Keyspace events carry the key in the channel's name:
// "__keyspace@0__:q" -> "__keyspace@0__:team:q". Keyevent channels are the same for everybody and
// stay; their messages are keys. The same for channel patterns.
[[nodiscard]] std::string qualified_channel(std::string_view prefix, std::string_view channel);
// The way back; nullopt for a name outside of the namespace.
[[nodiscard]] std::optional<std::string_view> bare_key(std::string_view prefix,
                                                       std::string_view key);
[[nodiscard]] std::optional<std::string> bare_channel(std::string_view prefix,
                                                      std::string_view channel);

// What a channel of Redis's own events is about (redis.io/docs/manual/keyspace-notifications).
struct KeyspaceChannel {
  enum class Kind { none, keyspace, keyevent };
  Kind kind = Kind::none;
  std::string_view head;  // "__keyspace@0__:"
  std::string_view rest;  // keyspace: the key; keyevent: the event
};
[[nodiscard]] KeyspaceChannel keyspace_channel(std::string_view channel);

}  // namespace keyward::policy
