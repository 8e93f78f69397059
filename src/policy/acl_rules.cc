#include "policy/acl_rules.h"

#include "policy/builtin.h"
#include "policy/command_words.h"

#include <algorithm>

namespace keyward::policy {
namespace {

using command::Catalog;
using command::CommandInfo;

// Sent on the links of the user by the proxy itself, or forwarded for every session; none takes a
// key. AUTH, HELLO, RESET and QUIT are free to every user (CMD_NO_AUTH).
constexpr std::string_view kPlumbing[] = {"ping",    "echo",    "multi",  "exec",
                                          "discard", "unwatch", "command"};
// As well, on servers that know them: they do nothing before CLIENT TRACKING, which is granted by
// name.
constexpr std::string_view kTracking[] = {"client|caching", "client|getredir",
                                          "client|trackinginfo"};

bool knows_channels(const command::ServerVersion& version) {
  return version.major > 6 || (version.major == 6 && version.minor >= 2);
}

// Redis knows both "~*" and "&*" as flags that allow no further pattern beside them.
bool every_key(const Entry& entry) {
  return std::any_of(entry.keys.begin(), entry.keys.end(), [](const KeyPattern& pattern) {
    return pattern.access == (command::kRead | command::kModify) && pattern.glob == "*";
  });
}

bool every_channel(const std::vector<std::string>& channels) {
  return std::find(channels.begin(), channels.end(), "*") != channels.end();
}

std::string key_token(const KeyPattern& pattern) {
  if (pattern.access == command::kRead) return "%R~" + pattern.glob;
  if (pattern.access == command::kModify) return "%W~" + pattern.glob;
  return "~" + pattern.glob;
}

void add_command_tokens(const command::CommandSet& commands, const Catalog& catalog,
                        std::vector<std::string>& out) {
  for (const CommandInfo& info : catalog.all()) {
    if (commands.contains(info.id) && info.on_server) out.push_back("+" + info.name);
  }
}

std::string selector(const std::vector<std::string>& words) {
  std::string out = "(";
  for (const std::string& word : words) {
    if (out.size() > 1) out += ' ';
    out += acl_word(word);
  }
  return out + ')';
}

// The proxy sends PEXPIRE itself, for keys that a command of this entry created.
bool adds_expiry(const Entry& entry, const Catalog& catalog) {
  const CommandInfo* pexpire = catalog.by_name("pexpire");
  return entry.ttl.mode == TtlGuard::Mode::apply && pexpire != nullptr &&
         !entry.commands.contains(pexpire->id);
}

std::string entry_selector(const Entry& entry, const Catalog& catalog) {
  // `acl-pubsub-default allchannels` would open a fresh selector.
  std::vector<std::string> words{"resetchannels", "-@all"};
  if (every_key(entry)) {
    words.emplace_back("~*");
  } else {
    for (const KeyPattern& pattern : entry.keys) words.push_back(key_token(pattern));
  }
  if (every_channel(entry.channels)) {
    words.emplace_back("&*");
  } else {
    for (const std::string& channel : entry.channels) words.push_back("&" + channel);
  }
  add_command_tokens(entry.commands, catalog, words);
  if (adds_expiry(entry, catalog)) words.emplace_back("+pexpire");
  return selector(words);
}

void push_once(std::vector<std::string>& out, std::string word) {
  if (std::find(out.begin(), out.end(), word) == out.end()) out.push_back(std::move(word));
}

// Before 7.0 a user has one set of everything, and a key pattern means reading and writing.
void add_union(const std::vector<Entry>& entries, const Catalog& catalog,
               const std::string& preamble, AclRules& rules) {
  command::CommandSet commands;
  std::vector<std::string> keys;
  std::vector<std::string> channels;
  bool all_keys = false;
  for (const Entry& entry : entries) {
    commands |= entry.commands;
    for (const KeyPattern& pattern : entry.keys) {
      all_keys = all_keys || pattern.glob == "*";
      push_once(keys, "~" + pattern.glob);
    }
    for (const std::string& channel : entry.channels) push_once(channels, channel);
  }
  if (all_keys) keys = {"~*"};
  rules.tokens.insert(rules.tokens.end(), keys.begin(), keys.end());
  if (knows_channels(catalog.version())) {
    if (every_channel(channels)) channels = {"*"};
    if (!every_channel(channels)) push_once(channels, preamble);
    for (const std::string& channel : channels) rules.tokens.push_back("&" + channel);
  }
  for (const auto name : {"subscribe", "unsubscribe"}) {
    if (const CommandInfo* info = catalog.by_name(name)) commands.add(info->id);
  }
  add_command_tokens(commands, catalog, rules.tokens);
  rules.notes.emplace_back(
      "this server has no ACL selectors (Redis 7.0): its user may combine any granted command with "
      "any granted key and channel, and read and write are not told apart; the proxy still decides "
      "entry by entry");
}

// PSUBSCRIBE needs every one of its patterns literally in one set of permissions. They stand at the
// root, where "&pattern" can be added one by one to a living user; no other command of the root
// takes a channel.
void collect_patterns(const std::vector<Entry>& entries, const Catalog& catalog, AclRules& rules) {
  const CommandInfo* psubscribe = catalog.by_name("psubscribe");
  for (const Entry& entry : entries) {
    if (psubscribe == nullptr || !entry.commands.contains(psubscribe->id)) continue;
    for (const std::string& channel : entry.channels) push_once(rules.patterns, channel);
  }
  if (every_channel(rules.patterns)) rules.patterns = {"*"};
}

void note_what_redis_cannot_hold(const std::vector<Entry>& entries,
                                 const std::vector<std::uint32_t>& databases,
                                 const Catalog& catalog, AclRules& rules) {
  bool scripts = false;
  for (const CommandInfo& info : catalog.all()) {
    scripts = scripts || (runs_script(info) &&
                          std::any_of(entries.begin(), entries.end(), [&](const Entry& entry) {
                            return entry.commands.contains(info.id);
                          }));
  }
  if (std::any_of(entries.begin(), entries.end(),
                  [&](const Entry& entry) { return adds_expiry(entry, catalog); })) {
    rules.notes.emplace_back(
        "'ttl: {apply: ...}' needs PEXPIRE on the keys of its entries: the Redis user may run it, "
        "the "
        "client may not");
  }
  const bool mixed = std::any_of(entries.begin(), entries.end(),
                                 [&](const Entry& entry) { return entry.databases != databases; });
  if (scripts && mixed) {
    rules.notes.emplace_back(
        "scripts are granted and the entries differ in their databases: inside a script Redis "
        "applies "
        "every entry in every database of the user");
  }
}

}  // namespace

std::string acl_word(const std::string& word) {
  const auto plain = [](char c) { return c > ' ' && c <= '~' && c != '"' && c != '\''; };
  if (std::all_of(word.begin(), word.end(), plain)) return word;
  constexpr char kDigits[] = "0123456789abcdef";
  std::string out = "\"";
  for (const char c : word) {
    const auto byte = static_cast<std::uint8_t>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (byte < ' ' || byte > '~') {
      out += "\\x";
      out += kDigits[byte >> 4U];
      out += kDigits[byte & 15U];
    } else {
      out += c;
    }
  }
  return out + '"';
}

AclRules compile_acl(const std::vector<Entry>& entries, const std::vector<std::uint32_t>& databases,
                     const Catalog& catalog, std::string_view name_space) {
  const std::string preamble = std::string(name_space).append(kPreambleChannel);
  AclRules rules;
  rules.tokens = {"resetkeys"};
  rules.checks_channels = knows_channels(catalog.version());
  if (rules.checks_channels) rules.tokens.emplace_back("resetchannels");
  rules.tokens.emplace_back("-@all");
  for (const std::string_view name : kPlumbing) rules.tokens.push_back("+" + std::string(name));
  for (const std::string_view name : kTracking) {
    const CommandInfo* info = catalog.by_name(name);
    if (info != nullptr && info->on_server) rules.tokens.push_back("+" + std::string(name));
  }
  // One word per database confines scripts too, which may call SELECT; "+select" alone would open
  // them all.
  for (const std::uint32_t database : databases)
    rules.tokens.push_back("+select|" + std::to_string(database));
  collect_patterns(entries, catalog, rules);
  if (catalog.has_selectors()) {
    if (!rules.patterns.empty()) rules.tokens.emplace_back("+psubscribe");
    for (const std::string& pattern : rules.patterns) rules.tokens.push_back("&" + pattern);
    rules.tokens.push_back(
        selector({"resetchannels", "-@all", "&" + preamble, "+subscribe", "+unsubscribe"}));
    for (const Entry& entry : entries) rules.tokens.push_back(entry_selector(entry, catalog));
  } else {
    add_union(entries, catalog, preamble, rules);
  }
  note_what_redis_cannot_hold(entries, databases, catalog, rules);
  return rules;
}

}  // namespace keyward::policy
