#include "policy/entry_reach.h"

#include "policy/command_words.h"

#include "keyward/base/ascii.h"

#include <algorithm>

namespace keyward::policy {
namespace {

using command::Catalog;
using command::CommandInfo;

constexpr std::size_t kMostListed = 4;

bool is_every(const Pattern& pattern) {
  return pattern.pieces.size() == 1 && !pattern.pieces.front().is_template &&
         pattern.pieces.front().text == "*";
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

// What the command words add: "@admin" as "@admin", the rest in lower case too.
std::vector<std::string> added_words(const yaml::Node& commands) {
  std::vector<std::string> out;
  for (const yaml::Node& item : commands.list()) {
    if (!item.is_scalar()) continue;
    std::string word = lowered(item.text().value_or(""));
    if (word.starts_with('+')) word.erase(0, 1);
    out.push_back(std::move(word));
  }
  return out;
}

// Every key of the server together with commands that Redis itself calls @admin or @dangerous.
void check_dangerous(const yaml::Node& node, const EntryModel& entry, const GrantModel& grant,
                     const Catalog& catalog) {
  if (!grant.name_space.pieces.empty()) return;
  if (!has_every_key(entry, command::kRead) && !has_every_key(entry, command::kModify)) return;
  const std::uint64_t bits =
      catalog.category_bit("admin").value_or(0) | catalog.category_bit("dangerous").value_or(0);
  const std::vector<std::string> words = added_words(node.get("commands"));
  const auto named = [&](std::string_view word) {
    return std::find(words.begin(), words.end(), word) != words.end();
  };
  std::string listed;
  std::size_t count = 0;
  for (const CommandInfo& info : catalog.all()) {
    if ((info.categories & bits) == 0 || !entry.commands.contains(info.id) || named(info.name))
      continue;
    if (count++ < kMostListed) listed += (listed.empty() ? "'" : ", '") + info.name + "'";
  }
  if (count == 0) return;
  if (count > kMostListed) listed += " ...";
  const bool asked = named("@admin") || named("@dangerous");
  const std::string what = "every key of the server with commands of @admin or @dangerous (" +
                           listed + ") that no word names one by one";
  const yaml::Node commands = node.get("commands");
  asked && !grant.break_glass ? commands.error(what, "those commands by their names")
                              : commands.warning(what, "-@dangerous, or those commands by name");
}

// Commands about the keyspace as a whole, which no key pattern holds in Redis.
void check_keyspace(const yaml::Node& node, const EntryModel& entry, const GrantModel& grant,
                    const CommandInfo& info) {
  const bool confined = !grant.name_space.pieces.empty();
  if (rewrites_keyspace(info) && confined) {
    node.error("'" + info.name + "' empties the whole database, not the namespace of this grant",
               "a grant without it; unlink what scan finds");
  } else if (rewrites_keyspace(info) && !has_every_key(entry, command::kRead | command::kModify)) {
    node.error("'" + info.name + "' reaches every key, so its entry must say so",
               "keys: [\"*\"] in an entry of its own");
  }
  if (info.name == "dbsize" && (confined || !has_every_key(entry, command::kRead))) {
    node.warning("'" + info.name +
                     "' will be refused: it counts the whole keyspace, and the entry " +
                     (confined ? "holds one namespace" : "has not keys: [\"*\"]"),
                 "-" + info.name);
  }
}

}  // namespace

bool has_every_key(const EntryModel& entry, std::uint8_t access) {
  return std::any_of(entry.keys.begin(), entry.keys.end(), [&](const KeyModel& key) {
    return (key.access & access) == access && is_every(key.pattern);
  });
}

void check_reach(const yaml::Node& node, const EntryModel& entry, const GrantModel& grant,
                 const Catalog& catalog) {
  const bool keys =
      has_items(node.get("keys")) || has_items(node.get("read")) || has_items(node.get("write"));
  const bool channels = has_items(node.get("channels"));
  bool usable = false;  // some command has what it needs, or needs nothing
  bool keyed = false;
  bool scripts = false;
  for (const CommandInfo& info : catalog.all()) {
    if (!entry.commands.contains(info.id)) continue;
    check_keyspace(node, entry, grant, info);
    scripts = scripts || runs_script(info);
    const bool channel = uses_channels(info);
    const bool key = !channel && !info.key_specs.empty();
    keyed = keyed || key;
    usable = usable || (key ? keys : channel ? channels : true);
  }
  check_dangerous(node, entry, grant, catalog);
  if (scripts && !grant.name_space.pieces.empty() && grant.safe_scripts.empty()) {
    node.warning(
        "scripts will be refused: this grant has a namespace and names none as safe for it",
        "scripts: [SHA-1 of each] beside `namespace`, or -@scripting");
  }
  if (usable || entry.commands.size() == 0) return;
  if (keyed) {
    node.error("the entry has no keys, and its commands use keys", "keys: [\"team:*\"]");
  } else {
    node.error("the entry has no channels, and its commands use channels",
               "channels: [\"team:*\"]");
  }
}

}  // namespace keyward::policy
