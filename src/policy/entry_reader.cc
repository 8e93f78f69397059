#include "policy/entry_reader.h"

#include "policy/command_words.h"

#include "keyward/policy/glob.h"

#include <algorithm>

namespace keyward::policy {
namespace {

using command::Catalog;
using command::CommandInfo;

constexpr std::size_t kMostEntries = 64;
constexpr std::size_t kMostPatterns = 256;
constexpr std::uint8_t kBoth = command::kRead | command::kModify;

bool is_every(const Pattern& pattern) {
  return pattern.pieces.size() == 1 && !pattern.pieces.front().is_template &&
         pattern.pieces.front().text == "*";
}

bool has_every_key(const EntryModel& entry, std::uint8_t access) {
  return std::any_of(entry.keys.begin(), entry.keys.end(), [&](const KeyModel& key) {
    return (key.access & access) == access && is_every(key.pattern);
  });
}

void read_keys(const yaml::Node& node, std::uint8_t access, EntryModel& entry) {
  if (!node.present()) return;
  for (const yaml::Node& item : node.list()) {
    if (entry.keys.size() == kMostPatterns)
      return item.error("an entry has at most 256 key patterns");
    if (auto pattern = read_pattern(item, PatternUse::key)) {
      entry.keys.push_back({std::move(*pattern), access});
    }
  }
}

// Names of keys travel in these messages, whoever they belong to.
bool overlaps_keyspace_events(const Pattern& pattern) {
  std::string glob;
  for (const Pattern::Piece& piece : pattern.pieces) glob += piece.is_template ? "*" : piece.text;
  return glob_match(glob, "__keyevent@0__:expired") || glob_match(glob, "__keyspace@0__:key") ||
         glob.starts_with("__key");
}

void read_channels(const yaml::Node& node, EntryModel& entry) {
  if (!node.present()) return;
  for (const yaml::Node& item : node.list()) {
    if (entry.channels.size() == kMostPatterns)
      return item.error("an entry has at most 256 channel patterns");
    auto pattern = read_pattern(item, PatternUse::channel);
    if (!pattern) continue;
    if (overlaps_keyspace_events(*pattern)) {
      item.warning(
          "this channel pattern takes in keyspace events, which tell the names of everybody's keys",
          "a prefix of the team's own channels");
    }
    entry.channels.push_back(std::move(*pattern));
  }
}

bool uses_channels(const CommandInfo& info) {
  using command::Kind;
  switch (info.kind) {
    case Kind::subscribe:
    case Kind::psubscribe:
    case Kind::ssubscribe:
    case Kind::publish:
      return true;
    default:
      return false;
  }
}

bool has_items(const yaml::Node& node) {
  return node.is_scalar() || node.is_map() || (node.is_list() && !node.list().empty());
}

// Commands that reach further than the patterns beside them seem to say, or that could never pass.
void check_reach(const yaml::Node& node, const EntryModel& entry, const Catalog& catalog) {
  const bool keys =
      has_items(node.get("keys")) || has_items(node.get("read")) || has_items(node.get("write"));
  const bool channels = has_items(node.get("channels"));
  bool usable = false;  // some command has what it needs, or needs nothing
  bool keyed = false;
  for (const CommandInfo& info : catalog.all()) {
    if (!entry.commands.contains(info.id)) continue;
    if (rewrites_keyspace(info) && !has_every_key(entry, kBoth)) {
      node.error("'" + info.name + "' reaches every key, so its entry must say so",
                 "keys: [\"*\"] in an entry of its own");
    }
    if ((info.name == "randomkey" || info.name == "dbsize") &&
        !has_every_key(entry, command::kRead)) {
      node.warning(
          "'" + info.name +
              "' will be refused: it shows the whole keyspace, and the entry has not keys: [\"*\"]",
          "-" + info.name);
    }
    const bool channel = uses_channels(info);
    const bool key = !channel && !info.key_specs.empty();
    keyed = keyed || key;
    usable = usable || (key ? keys : channel ? channels : true);
  }
  if (usable || entry.commands.size() == 0) return;
  if (keyed) {
    node.error("the entry has no keys, and its commands use keys", "keys: [\"team:*\"]");
  } else {
    node.error("the entry has no channels, and its commands use channels",
               "channels: [\"team:*\"]");
  }
}

EntryModel read_entry(const yaml::Node& node, const Catalog& catalog) {
  EntryModel entry;
  node.only({"commands", "keys", "read", "write", "channels"});
  const yaml::Node commands = node.need("commands");
  entry.commands = read_commands(commands, catalog);
  read_keys(node.get("keys"), kBoth, entry);
  read_keys(node.get("read"), command::kRead, entry);
  read_keys(node.get("write"), command::kModify, entry);
  read_channels(node.get("channels"), entry);
  return entry;
}

}  // namespace

std::vector<EntryModel> read_entries(const yaml::Node& allow, const Catalog& catalog,
                                     const std::string& grant, const std::string& rule_file) {
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
    EntryModel entry = read_entry(node, catalog);
    entry.rule = {grant, rule_file, node.line()};
    check_reach(node, entry, catalog);
    out.push_back(std::move(entry));
  }
  return out;
}

}  // namespace keyward::policy
