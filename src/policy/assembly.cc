#include "policy/assembly.h"

#include "policy/command_words.h"
#include "policy/direct_rights.h"
#include "policy/territory.h"

#include "keyward/base/hash.h"
#include "keyward/base/text.h"
#include "keyward/policy/glob.h"
#include "keyward/policy/name_space.h"

#include <algorithm>

namespace keyward::policy {
namespace {

using command::Catalog;
using command::CommandInfo;

// "*" alone is left to the glob: Redis does not let it match the empty key.
bool one_star_at_its_end(std::string_view glob) {
  return glob.size() > 1 && glob.back() == '*' && glob.find_first_of("*?[]\\") == glob.size() - 1;
}

// Globs and prefixes of keys are Redis's names, as the key patterns are.
ArgumentRule qualified(ArgumentRule rule, const std::string& name_space) {
  if (rule.option.empty()) return rule;
  for (std::string& glob : rule.globs) glob = qualified_key(name_space, glob);
  return rule;
}

// Any rule about INFO narrows it; several show their sections together.
std::vector<std::string> info_sections(const std::vector<Entry>& entries, const Catalog& catalog) {
  std::vector<std::string> out;
  const CommandInfo* info = catalog.by_name("info");
  if (info == nullptr) return out;
  for (const Entry& entry : entries) {
    for (const ArgumentRule& rule : entry.arguments) {
      if (rule.command == info->id) out.insert(out.end(), rule.globs.begin(), rule.globs.end());
    }
  }
  return out;
}

Result<Entry> fill_entry(const EntryModel& model, const GrantModel& grant,
                         const std::string& name_space, const identity::Principal* principal) {
  Entry entry;
  for (const ArgumentRule& rule : model.arguments)
    entry.arguments.push_back(qualified(rule, name_space));
  // Who observes changes nothing: an expiry that is added would be a change.
  if (!grant.observes || grant.ttl.mode != TtlGuard::Mode::apply) entry.ttl = grant.ttl;
  entry.commands = model.commands;
  entry.databases = grant.databases;
  entry.max_value = grant.max_value;
  entry.rule = model.rule;
  for (const KeyModel& key : model.keys) {
    Result<std::string> glob = fill(key.pattern, principal);
    if (!glob) return glob.error();
    *glob = qualified_key(name_space, *glob);
    if (reaches_own_keys(*glob)) {
      return Error(Errc::forbidden, "template_value: " + model.rule.text() +
                                        " would reach keys of Keyward's own with this value");
    }
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
    *glob = qualified_channel(name_space, *glob);
    if (std::find(entry.channels.begin(), entry.channels.end(), *glob) == entry.channels.end()) {
      entry.channels.push_back(std::move(*glob));
    }
  }
  return entry;
}

// Everything that a category can bring in, on every key: what a grant that observes lets pass. What
// empties or tells the whole keyspace is not harmless to others.
Entry observing_entry(const GrantModel& grant, const std::string& name_space,
                      const Catalog& catalog) {
  Entry entry;
  for (const CommandInfo& info : catalog.all()) {
    if (info.exposure == command::Exposure::normal && !rewrites_keyspace(info))
      entry.commands.add(info.id);
  }
  const std::string every = qualified_key(name_space, "*");
  entry.keys = {{every, command::kRead | command::kModify, one_star_at_its_end(every)}};
  entry.channels = {every};
  entry.databases = grant.databases;
  entry.observes = true;
  entry.rule = {grant.name, grant.file, grant.place.line};
  return entry;
}

// One client has one view: grants that match it together must agree on the namespace.
Result<std::string> common_name_space(const std::vector<const GrantModel*>& grants,
                                      const identity::Principal* principal) {
  std::optional<std::string> common;
  for (const GrantModel* grant : grants) {
    Result<std::string> filled = fill(grant->name_space, principal);
    if (!filled) return filled.error();
    if (common && *common != *filled) {
      return Error(Errc::forbidden, "namespace: the grants '" + grants.front()->name + "' and '" +
                                        grant->name + "' match together but have different ones");
    }
    common = std::move(*filled);
  }
  return common.value_or("");
}

template <class Number>
Number more_generous(Number a, Number b) {
  return a == Number{} || b == Number{} ? Number{} : std::max(a, b);
}

bool has_every_key(const Entry& entry, std::uint8_t access) {
  return std::any_of(entry.keys.begin(), entry.keys.end(), [&](const KeyPattern& key) {
    return key.glob == "*" && (key.access & access) == access;
  });
}

// The proxy does not see what a script runs, so that Redis alone holds it to the key patterns: what
// Redis does not hold is taken from whoever may run scripts. KEYS and SCAN tell every name;
// GEORADIUS with STORE twice is checked for one key and writes another (before the releases of
// August 2026). Under a namespace only scripts run whose text somebody declared safe: nothing is
// taken there.
void keep_scripts_inside(Parts& parts, const Catalog& catalog) {
  if (!parts.name_space.empty()) return;
  const auto held = [&](const CommandInfo& info) {
    return std::any_of(parts.entries.begin(), parts.entries.end(),
                       [&](const Entry& entry) { return entry.commands.contains(info.id); });
  };
  const bool scripts =
      std::any_of(catalog.all().begin(), catalog.all().end(),
                  [&](const CommandInfo& info) { return runs_script(info) && held(info); });
  if (!scripts) return;
  const CommandInfo* search = catalog.by_name("geosearch");
  for (const CommandInfo& info : catalog.all()) {
    const bool stores = stores_unchecked(info);
    if (!shows_keyspace(info) && !stores) continue;
    const std::uint8_t access = stores ? command::kRead | command::kModify : command::kRead;
    for (Entry& entry : parts.entries) {
      if (!entry.commands.contains(info.id) || has_every_key(entry, access)) continue;
      entry.commands.remove(info.id);
      // Categories bring GEOSEARCH as well: nobody misses its forerunners.
      if (stores && search != nullptr && entry.commands.contains(search->id)) continue;
      parts.notes.push_back(
          "'" + info.name + "' is taken out of " + entry.rule.text() +
          ": scripts are granted too, and could run it over keys outside the grant" +
          (stores ? "; geosearch and geosearchstore do the same" : ""));
    }
  }
}

// Some entry lets a command pass there. Of a stream the engine tells what nobody vouches for.
bool reaches_source(const std::vector<Entry>& entries, const TriggerSource& source,
                    const Catalog& catalog) {
  if (source.kind == TriggerSource::Kind::stream) return false;
  if (source.kind == TriggerSource::Kind::channel) {
    const CommandInfo* publish = catalog.by_name("publish");
    return publish != nullptr &&
           std::any_of(entries.begin(), entries.end(), [&](const Entry& entry) {
             return entry.commands.contains(publish->id) &&
                    std::any_of(
                        entry.channels.begin(), entry.channels.end(),
                        [&](const std::string& glob) { return glob_match(glob, source.name); });
           });
  }
  const auto names = [](const std::string& glob) {
    Pattern pattern;
    pattern.pieces.push_back({false, glob});
    return names_of(pattern);
  };
  const NameSet expiring = names(source.name);
  return std::any_of(entries.begin(), entries.end(), [&](const Entry& entry) {
    return std::any_of(entry.keys.begin(), entry.keys.end(), [&](const KeyPattern& key) {
      return (key.access & command::kModify) != 0 && overlap(names(key.glob), expiring);
    });
  });
}

// What a direct credential sends passes nobody who could attest it.
void add_sources(const std::vector<const GrantModel*>& grants,
                 const std::vector<TriggerRule>& triggers, const Catalog& catalog, Parts& out) {
  for (const TriggerRule& rule : triggers) {
    Cause cause{.kind = rule.source.kind,
                .name = rule.source.name,
                .rule = rule.name,
                .grants = {},
                .what = rule.name + " of " + rule.source.name,
                .file = rule.file,
                .line = rule.line};
    for (const GrantModel* grant : grants) {
      if (std::find(rule.from.begin(), rule.from.end(), grant->name) != rule.from.end())
        cause.grants.push_back(grant->name);
    }
    if (!cause.grants.empty()) {
      out.causes.push_back(std::move(cause));
    } else if (reaches_source(out.entries, rule.source, catalog)) {
      out.closed.push_back(std::move(cause));
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
                       const identity::Principal* principal, const Catalog& catalog,
                       const std::vector<TriggerRule>& triggers) {
  Parts parts;
  Result<std::string> name_space = common_name_space(grants, principal);
  if (!name_space) return name_space.error();
  parts.name_space = std::move(*name_space);
  parts.lease.by_rights = !grants.empty();
  bool first = true;
  for (const GrantModel* grant : grants) {
    for (const EntryModel& model : grant->entries) {
      Result<Entry> entry = fill_entry(model, *grant, parts.name_space, principal);
      if (!entry) return entry.error();
      parts.entries.push_back(std::move(*entry));
    }
    parts.databases.insert(parts.databases.end(), grant->databases.begin(), grant->databases.end());
    Limits& limits = parts.limits;
    if (first) limits = grant->limits;
    limits.connections = more_generous(limits.connections, grant->limits.connections);
    limits.commands_per_second =
        more_generous(limits.commands_per_second, grant->limits.commands_per_second);
    limits.bytes_per_second =
        more_generous(limits.bytes_per_second, grant->limits.bytes_per_second);
    limits.pipeline = more_generous(limits.pipeline, grant->limits.pipeline);
    limits.output_buffer = more_generous(limits.output_buffer, grant->limits.output_buffer);
    limits.session = more_generous(limits.session, grant->limits.session);
    parts.lease.by_rights = parts.lease.by_rights && grant->lease.by_rights;
    parts.lease.fixed = parts.lease.fixed || grant->lease.fixed;
    parts.break_glass = parts.break_glass || grant->break_glass;
    parts.safe_scripts.insert(parts.safe_scripts.end(), grant->safe_scripts.begin(),
                              grant->safe_scripts.end());
    parts.audit.reads = parts.audit.reads || grant->audit.reads;
    parts.audit.hash_names = parts.audit.hash_names || grant->audit.hash_names;
    if (const auto level = grant->audit.durability) {
      parts.audit.durability = std::max(parts.audit.durability.value_or(*level), *level);
    } else {
      parts.audit.by_default = true;
    }
    parts.names.push_back(grant->name);
    parts.contacts.push_back({grant->name, joined(grant->owners, ", ")});
    first = false;
  }
  for (const GrantModel* grant : grants) {
    if (grant->observes)
      parts.entries.push_back(observing_entry(*grant, parts.name_space, catalog));
  }
  parts.info_sections = info_sections(parts.entries, catalog);
  std::sort(parts.safe_scripts.begin(), parts.safe_scripts.end());
  std::sort(parts.databases.begin(), parts.databases.end());
  parts.databases.erase(std::unique(parts.databases.begin(), parts.databases.end()),
                        parts.databases.end());
  keep_scripts_inside(parts, catalog);
  if (principal != nullptr && principal->vended.mode == identity::Vended::Mode::direct) {
    keep_what_redis_holds(parts, catalog);
  } else {
    add_sources(grants, triggers, catalog, parts);
  }
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
    add(grant->name_space);
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
    append(all, entry.observes ? "observes" : "");
    append(all, std::to_string(static_cast<int>(entry.ttl.mode)));
    append(all, std::to_string(entry.ttl.life.count()));
    for (const ArgumentRule& rule : entry.arguments) {
      append(all, std::to_string(rule.command));
      append(all, rule.option);
      for (const std::string& glob : rule.globs) append(all, glob);
    }
  }
  for (const Cause& cause : parts.causes) {
    append(all, "cause");
    append(all, std::to_string(static_cast<int>(cause.kind)));
    append(all, cause.name);
    append(all, cause.rule);
    for (const std::string& grant : cause.grants) append(all, grant);
  }
  append(all, "view");
  append(all, parts.name_space);
  for (const std::string& script : parts.safe_scripts) append(all, script);
  append(all, parts.lease.fixed ? "static" : "");
  append(all, parts.break_glass ? "break-glass" : "");
  append(all, "limits");
  append(all, std::to_string(parts.limits.connections));
  append(all, std::to_string(parts.limits.commands_per_second));
  append(all, std::to_string(parts.limits.session.count()));
  append(all, std::to_string(parts.limits.bytes_per_second));
  append(all, std::to_string(parts.limits.pipeline));
  append(all, std::to_string(parts.limits.output_buffer));
  append(all, parts.audit.reads ? "reads" : "");
  append(all, parts.audit.hash_names ? "hmac" : "");
  const auto level = parts.audit.durability;
  append(all, level ? audit::name(*level) : std::string_view());
  append(all, parts.audit.by_default ? "by default" : "");
  return short_hash(all, 32);
}

}  // namespace keyward::policy
