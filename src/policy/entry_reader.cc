#include "policy/entry_reader.h"

#include "policy/argument_reader.h"
#include "policy/command_words.h"
#include "policy/entry_reach.h"

#include "keyward/policy/glob.h"
#include "keyward/policy/name_space.h"

#include <algorithm>

namespace keyward::policy {
namespace {

using command::Catalog;

constexpr std::size_t kMostEntries = 64;
constexpr std::size_t kMostPatterns = 256;
void read_keys(const yaml::Node& node, std::uint8_t access, EntryModel& entry) {
  if (!node.present()) return;
  for (const yaml::Node& item : node.list()) {
    if (entry.keys.size() == kMostPatterns)
      return item.error("an entry has at most 256 key patterns");
    if (auto pattern = read_pattern(item, PatternUse::key)) {
      entry.keys.push_back(
          {std::move(*pattern), access, {item.file(), item.line(), item.column()}});
    }
  }
}

// Names of keys travel in these messages, whoever they belong to.
bool overlaps_keyspace_events(const Pattern& pattern) {
  std::string glob;
  for (const Pattern::Piece& piece : pattern.pieces) glob += piece.is_template ? "*" : piece.text;
  // With the beginning of a key it is about the keys that begin so.
  const KeyspaceChannel event = keyspace_channel(glob);
  if (event.kind == KeyspaceChannel::Kind::keyspace && !event.rest.empty())
    return std::string_view("*?[").find(event.rest.front()) != std::string_view::npos;
  return glob_match(glob, "__keyevent@0__:expired") || glob_match(glob, "__keyspace@0__:key") ||
         glob.starts_with("__key");
}

void read_channels(const yaml::Node& node, const GrantModel& grant, EntryModel& entry) {
  if (!node.present()) return;
  for (const yaml::Node& item : node.list()) {
    if (entry.channels.size() == kMostPatterns)
      return item.error("an entry has at most 256 channel patterns");
    auto pattern = read_pattern(item, PatternUse::channel);
    if (!pattern) continue;
    // Under a namespace only events of its own keys arrive (view::show_frame).
    if (grant.name_space.pieces.empty() && overlaps_keyspace_events(*pattern)) {
      item.warning(
          "this channel pattern takes in keyspace events, which tell the names of everybody's keys",
          "a prefix of the team's own channels");
    }
    entry.channels.push_back(std::move(*pattern));
  }
}

// What it shows is decided by name, so an entry that names nothing grants nothing.
void check_config(const yaml::Node& node, const EntryModel& entry, const Catalog& catalog) {
  const command::CommandInfo* config = catalog.by_name("config|get");
  if (config == nullptr || !entry.commands.contains(config->id)) return;
  const bool ruled =
      std::any_of(entry.arguments.begin(), entry.arguments.end(),
                  [&](const ArgumentRule& rule) { return rule.command == config->id; });
  if (ruled || node.get("arguments").get("config|get").present()) return;
  node.error("'config|get' shows only the settings that its entry names",
             "arguments: {\"config|get\": [maxmemory]} beside its commands");
}

EntryModel read_entry(const yaml::Node& node, const Catalog& catalog, const GrantModel& grant) {
  EntryModel entry;
  node.only({"commands", "keys", "read", "write", "channels", "arguments"});
  const yaml::Node commands = node.need("commands");
  const yaml::Node arguments = node.get("arguments");
  entry.commands =
      read_commands(commands, catalog, arguments.is_map() && arguments.get("info").present());
  read_keys(node.get("keys"), command::kRead | command::kModify, entry);
  read_keys(node.get("read"), command::kRead, entry);
  read_keys(node.get("write"), command::kModify, entry);
  read_channels(node.get("channels"), grant, entry);
  entry.arguments = read_arguments(arguments, catalog, grant, entry);
  check_config(node, entry, catalog);
  return entry;
}

}  // namespace

std::vector<EntryModel> read_entries(const yaml::Node& allow, const Catalog& catalog,
                                     const GrantModel& grant) {
  std::vector<EntryModel> out;
  for (const yaml::Node& node : allow.list()) {
    if (!node.is_map()) {
      node.error("an allow entry must be a map", "- {commands: [get], keys: [\"team:*\"]}");
      continue;
    }
    if (out.size() == kMostEntries) {
      node.error("a grant has at most 64 allow entries");
      break;
    }
    EntryModel entry = read_entry(node, catalog, grant);
    entry.rule = {grant.name, grant.file, node.line()};
    check_reach(node, entry, grant, catalog);
    out.push_back(std::move(entry));
  }
  return out;
}

}  // namespace keyward::policy
