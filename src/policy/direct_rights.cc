#include "policy/direct_rights.h"

#include "policy/command_words.h"

#include <algorithm>

namespace keyward::policy {
namespace {

using command::Answer;
using command::CommandInfo;
using command::Kind;

// Redis checks the keys and channels that a command names, and nothing else.
bool held_by_redis(const CommandInfo& info) {
  if (info.scans_keyspace || rewrites_keyspace(info) || stores_unchecked(info)) return false;
  if (info.ruled_from > 0 || info.kind == Kind::tracking) return false;
  if (info.kind == Kind::client || info.kind == Kind::info) return false;
  return info.answer != Answer::channels && info.answer != Answer::channel_counts &&
         info.name != "pubsub|numpat";
}

// The events of everybody's keys come over channels that begin so. A pattern is taken out already
// when it could begin so.
bool hears_keys(std::string_view glob) {
  constexpr std::string_view kEvents = "__key";
  const std::size_t plain = std::min(glob.find_first_of("*?[\\"), glob.size());
  const std::size_t shorter = std::min(plain, kEvents.size());
  return glob.substr(0, shorter) == kEvents.substr(0, shorter);
}

}  // namespace

void keep_what_redis_holds(Parts& parts, const command::Catalog& catalog) {
  std::string gone;
  bool events = false;
  for (const CommandInfo& info : catalog.all()) {
    if (held_by_redis(info)) continue;
    bool had = false;
    for (Entry& entry : parts.entries) {
      had = had || entry.commands.contains(info.id);
      entry.commands.remove(info.id);
    }
    if (had) gone += (gone.empty() ? "" : " ") + info.name;
  }
  for (Entry& entry : parts.entries) {
    events = std::erase_if(entry.channels, hears_keys) > 0 || events;
    entry.arguments.clear();  // of commands that are gone, or that Redis refuses by itself
  }
  if (!gone.empty()) {
    parts.notes.push_back(
        "not in a direct credential, because only the proxy holds them to the "
        "grants: " +
        gone);
  }
  if (events) {
    parts.notes.emplace_back(
        "channel patterns that take in keyspace events are not in a direct credential: they carry "
        "the names of everybody's keys");
  }
}

void add_greetings(const command::Catalog& catalog, AclRules& rules) {
  for (const std::string_view name :
       {"client|id", "client|getname", "client|setname", "client|setinfo"}) {
    const CommandInfo* info = catalog.by_name(name);
    if (info != nullptr && info->on_server) rules.tokens.push_back("+" + std::string(name));
  }
}

}  // namespace keyward::policy
