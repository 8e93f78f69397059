#include "policy/assembly.h"

#include "policy/command_words.h"

#include "keyward/base/hash.h"

#include <algorithm>

namespace keyward::policy {
namespace {

using command::Catalog;
using command::CommandInfo;

// "*" alone is left to the glob: Redis does not let it match the empty key.
bool one_star_at_its_end(std::string_view glob) {
  return glob.size() > 1 && glob.back() == '*' && glob.find_first_of("*?[]\\") == glob.size() - 1;
}

Result<Entry> fill_entry(const EntryModel& model, const GrantModel& grant,
                         const identity::Principal* principal) {
  Entry entry;
  entry.commands = model.commands;
  entry.databases = grant.databases;
  entry.max_value = grant.max_value;
  entry.rule = model.rule;
  for (const KeyModel& key : model.keys) {
    Result<std::string> glob = fill(key.pattern, principal);
    if (!glob) return glob.error();
    // Redis joins the access of equal patterns; so must we, or a read-and-write would fit neither
    // half.
    const auto same = std::find_if(entry.keys.begin(), entry.keys.end(),
                                   [&](const KeyPattern& one) { return one.glob == *glob; });
    if (same == entry.keys.end()) {
      const bool is_prefix = one_star_at_its_end(*glob);
      entry.keys.push_back({std::move(*glob), key.access, is_prefix});
    } else {
      same->access |= key.access;
    }
  }
  for (const Pattern& channel : model.channels) {
    Result<std::string> glob = fill(channel, principal);
    if (!glob) return glob.error();
    if (std::find(entry.channels.begin(), entry.channels.end(), *glob) == entry.channels.end()) {
      entry.channels.push_back(std::move(*glob));
    }
  }
  return entry;
}

template <class Number>
Number more_generous(Number a, Number b) {
  return a == Number{} || b == Number{} ? Number{} : std::max(a, b);
}

bool reads_every_key(const Entry& entry) {
  return std::any_of(entry.keys.begin(), entry.keys.end(), [](const KeyPattern& key) {
    return key.glob == "*" && (key.access & command::kRead) != 0;
  });
}

// Inside a script Redis runs KEYS and SCAN unfiltered for whoever holds them, and the proxy does
// not see it.
void keep_scripts_from_scanning(Parts& parts, const Catalog& catalog) {
  const auto held = [&](const CommandInfo& info) {
    return std::any_of(parts.entries.begin(), parts.entries.end(),
                       [&](const Entry& entry) { return entry.commands.contains(info.id); });
  };
  const bool scripts =
      std::any_of(catalog.all().begin(), catalog.all().end(),
                  [&](const CommandInfo& info) { return runs_script(info) && held(info); });
  if (!scripts) return;
  for (const CommandInfo& info : catalog.all()) {
    if (!shows_keyspace(info)) continue;
    for (Entry& entry : parts.entries) {
      if (!entry.commands.contains(info.id) || reads_every_key(entry)) continue;
      entry.commands.remove(info.id);
      parts.notes.push_back(
          "'" + info.name + "' is taken out of " + entry.rule.text() +
          ": scripts are granted too, and could run it over keys outside the grant");
    }
  }
}

void append(std::string& out, std::string_view field) {
  out += std::to_string(field.size());
  out += ':';
  out += field;
}

}  // namespace

Result<Parts> assemble(const std::vector<const GrantModel*>& grants,
                       const identity::Principal* principal, const Catalog& catalog) {
  Parts parts;
  bool first = true;
  for (const GrantModel* grant : grants) {
    for (const EntryModel& model : grant->entries) {
      Result<Entry> entry = fill_entry(model, *grant, principal);
      if (!entry) return entry.error();
      parts.entries.push_back(std::move(*entry));
    }
    parts.databases.insert(parts.databases.end(), grant->databases.begin(), grant->databases.end());
    Limits& limits = parts.limits;
    if (first) limits = grant->limits;
    limits.connections = more_generous(limits.connections, grant->limits.connections);
    limits.commands_per_second =
        more_generous(limits.commands_per_second, grant->limits.commands_per_second);
    limits.session = more_generous(limits.session, grant->limits.session);
    parts.audit.reads = parts.audit.reads || grant->audit.reads;
    parts.names.push_back(grant->name);
    std::string owners;
    for (const std::string& owner : grant->owners) owners += (owners.empty() ? "" : ", ") + owner;
    parts.contacts.push_back({grant->name, std::move(owners)});
    first = false;
  }
  std::sort(parts.databases.begin(), parts.databases.end());
  parts.databases.erase(std::unique(parts.databases.begin(), parts.databases.end()),
                        parts.databases.end());
  keep_scripts_from_scanning(parts, catalog);
  return parts;
}

Result<std::string> parts_key(const std::vector<const GrantModel*>& grants,
                              const identity::Principal* principal) {
  std::string key;
  Result<> problem;
  const auto add = [&](const Pattern& pattern) {
    const bool varies = std::any_of(pattern.pieces.begin(), pattern.pieces.end(),
                                    [](const Pattern::Piece& piece) { return piece.is_template; });
    if (!varies || problem.has_error()) return;
    const Result<std::string> filled = fill(pattern, principal);
    if (filled) {
      append(key, *filled);
    } else {
      problem = filled.error();
    }
  };
  for (const GrantModel* grant : grants) {
    append(key, grant->name);
    for (const EntryModel& entry : grant->entries) {
      for (const KeyModel& each : entry.keys) add(each.pattern);
      for (const Pattern& channel : entry.channels) add(channel);
    }
  }
  if (problem.has_error()) return problem.error();
  return key;
}

std::string rights_id(const Parts& parts, const Catalog& catalog) {
  std::string all;
  for (const Entry& entry : parts.entries) {
    append(all, "entry");
    for (const CommandInfo& info : catalog.all()) {
      if (entry.commands.contains(info.id)) append(all, info.name);
    }
    append(all, "keys");
    for (const KeyPattern& key : entry.keys) {
      append(all, std::to_string(key.access));
      append(all, key.glob);
    }
    append(all, "channels");
    for (const std::string& channel : entry.channels) append(all, channel);
    append(all, "databases");
    for (const std::uint32_t database : entry.databases) append(all, std::to_string(database));
    append(all, std::to_string(entry.max_value));
  }
  append(all, "limits");
  append(all, std::to_string(parts.limits.connections));
  append(all, std::to_string(parts.limits.commands_per_second));
  append(all, std::to_string(parts.limits.session.count()));
  append(all, parts.audit.reads ? "reads" : "");
  return short_hash(all, 32);
}

}  // namespace keyward::policy
