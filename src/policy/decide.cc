#include "policy/argument_rules.h"
#include "policy/builtin.h"
#include "policy/refusal.h"

#include "keyward/base/reserved_keys.h"
#include "keyward/policy/glob.h"
#include "keyward/policy/grants.h"
#include "keyward/policy/ttl_guard.h"

#include <algorithm>
#include <charconv>

namespace keyward::policy {
namespace {

using command::Command;

// How far a command came in one entry; the farthest entry is the one to tell about.
enum class Step { command, database, key, channel, argument, keyspace_scan, limit, ttl, passed };

struct Fit {
  Step step = Step::command;
  std::uint32_t arg = 0;  // that did not fit
};

bool covers(const KeyPattern& pattern, std::string_view key, std::uint8_t access) {
  if ((pattern.access & access) != access) return false;
  if (pattern.is_prefix)
    return key.starts_with(std::string_view(pattern.glob.data(), pattern.glob.size() - 1));
  // "~*" is a flag of its own in Redis and takes the empty key; the glob "*" does not.
  const bool all = pattern.access == (command::kRead | command::kModify) && pattern.glob == "*";
  return all || glob_match(pattern.glob, key);
}

bool covers(const Entry& entry, std::string_view key, std::uint8_t access) {
  for (const KeyPattern& pattern : entry.keys) {
    if (covers(pattern, key, access)) return true;
  }
  return false;
}

// SUBSCRIBE and PUBLISH match as in Redis; PSUBSCRIBE must lie inside, since its pattern chooses
// what is heard.
bool covers_channel(const std::string& glob, std::string_view channel, bool is_pattern) {
  if (glob == "*") return true;
  return is_pattern ? glob_contains(glob, channel) : glob_match(glob, channel);
}

// PUBSUB NUMPAT counts the patterns of everybody, and a number cannot be filtered; names can.
bool hears_enough(const Entry& entry, const Command& command) {
  return command.info->name != "pubsub|numpat" ||
         std::find(entry.channels.begin(), entry.channels.end(), "*") != entry.channels.end();
}

bool reads_any(const Entry& entry) {
  return std::any_of(entry.keys.begin(), entry.keys.end(), [](const KeyPattern& pattern) {
    return (pattern.access & command::kRead) != 0;
  });
}

// What tells or empties the keyspace whatever the key patterns say is held to them here; Redis does
// not. Names can be left out of an answer, a count or an emptying cannot.
bool reaches_keyspace(const Entry& entry, const Command& command) {
  if (command.info->is(command::kWrite)) return every_key(entry, command::kRead | command::kModify);
  if (command.info->name == "dbsize") return every_key(entry, command::kRead);
  return reads_any(entry);
}

// Everything that the answer can name may be read.
bool covers_scan(const Entry& entry, const Command& command) {
  if (every_key(entry, command::kRead)) return true;
  if (command.scan_pattern.empty()) return false;
  return std::any_of(entry.keys.begin(), entry.keys.end(), [&](const KeyPattern& pattern) {
    return (pattern.access & command::kRead) != 0 &&
           glob_contains(pattern.glob, command.scan_pattern);
  });
}

bool has_database(const Entry& entry, std::uint32_t db) {
  for (const std::uint32_t granted : entry.databases) {
    if (granted == db) return true;
  }
  return false;
}

bool reads(const Entry& entry, std::string_view key, std::uint32_t db) {
  return has_database(entry, db) && covers(entry, key, command::kRead);
}

Fit fit(const Entry& entry, const Command& command, const Facts& facts) {
  if (!entry.commands.contains(command.info->id)) return {Step::command};
  if (!has_database(entry, facts.db)) return {Step::database};
  for (const command::KeyUse& use : command.keys) {
    if (!covers(entry, command.args[use.arg], use.access)) return {Step::key, use.arg};
  }
  for (const command::ChannelUse& use : command.channels) {
    const std::string_view channel = command.args[use.arg];
    const bool covered = std::any_of(
        entry.channels.begin(), entry.channels.end(),
        [&](const std::string& glob) { return covers_channel(glob, channel, use.pattern); });
    if (!covered) return {Step::channel, use.arg};
  }
  for (const command::RuledUse& use : command.ruled) {
    if (!covers_argument(entry, command, use)) return {Step::argument, use.arg};
  }
  if (command.info->is(command::kPubsub) && !hears_enough(entry, command)) return {Step::channel};
  if (command.scans_keyspace && !reaches_keyspace(entry, command)) return {Step::keyspace_scan};
  if (entry.max_value > 0) {
    if (facts.streamed > entry.max_value) return {Step::limit};
    for (std::uint32_t arg = 1; arg < command.args.size(); ++arg) {
      if (command.args[arg].size() > entry.max_value) return {Step::limit, arg};
    }
  }
  if (entry.ttl.mode != TtlGuard::Mode::none &&
      !ttl_refusal(entry.ttl, command, facts.expiry_later).empty())
    return {Step::ttl};
  return {Step::passed};
}

DenialReason reason_of(Step step) {
  switch (step) {
    case Step::database:
      return DenialReason::database;
    case Step::key:
      return DenialReason::key;
    case Step::channel:
      return DenialReason::channel;
    case Step::argument:
      return DenialReason::argument;
    case Step::keyspace_scan:
      return DenialReason::keyspace_scan;
    case Step::limit:
      return DenialReason::limit;
    case Step::ttl:
      return DenialReason::ttl;
    case Step::command:
    case Step::passed:
      break;
  }
  return DenialReason::command;
}

// The argument that names a key of Keyward's own; 0 = none. What a pattern may reach beside others
// and what a script does are not seen here: those records are sealed (src/fleet).
std::uint32_t reserved_argument(const Command& command) {
  for (const command::KeyUse& use : command.keys) {
    if (command.args[use.arg].starts_with(kReservedKeys)) return use.arg;
  }
  for (const command::RuledUse& use : command.ruled) {
    if (!use.option.empty() && command.args[use.arg].starts_with(kReservedKeys)) return use.arg;
  }
  return 0;
}

// The database that SELECT names; nullopt when it is no number, which Redis will say itself.
std::optional<std::uint32_t> selected(const Command& command) {
  if (command.info->kind != command::Kind::select || command.args.size() != 2) return std::nullopt;
  const std::string_view text = command.args[1];
  std::uint32_t number = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (code != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return number;
}

}  // namespace

std::string_view name(DenialReason reason) {
  switch (reason) {
    case DenialReason::command:
      return "command";
    case DenialReason::key:
      return "key";
    case DenialReason::channel:
      return "channel";
    case DenialReason::database:
      return "database";
    case DenialReason::keyspace_scan:
      return "keyspace_scan";
    case DenialReason::never:
      return "never";
    case DenialReason::limit:
      return "limit";
    case DenialReason::argument:
      return "argument";
    case DenialReason::ttl:
      return "ttl";
    case DenialReason::script:
      return "script";
    case DenialReason::reserved:
      return "reserved";
  }
  return "command";
}

Decision Grants::decide(const Command& command, const Facts& facts) const {
  if (command.info == nullptr) return Denial{DenialReason::command, nullptr, "no such command"};
  if (command.info->exposure == command::Exposure::never)
    return refuse(DenialReason::never, command, {}, *this);
  if (is_session_plumbing(command, name_space_)) {
    const std::optional<std::uint32_t> database = selected(command);
    if (!database || may_select(*database)) return Permit(&session_rule());
    return refuse(DenialReason::database, command, {nullptr, 1}, *this);
  }
  if (const std::uint32_t arg = reserved_argument(command); arg != 0)
    return refuse(DenialReason::reserved, command, {nullptr, arg}, *this);
  Fit best;
  const Entry* nearest = nullptr;
  for (const Entry& entry : entries_) {
    const Fit now = fit(entry, command, facts);
    if (now.step == Step::passed) {
      Permit permit(&entry.rule, &entry, command.scans_keyspace && !covers_scan(entry, command));
      if (entry.observes) {
        permit.would_deny_ = {reason_of(best.step), nearest == nullptr ? nullptr : &nearest->rule};
      }
      return permit;
    }
    if (entry.observes || now.step <= best.step) continue;
    best = now;
    nearest = &entry;
  }
  return refuse(reason_of(best.step), command, {nearest, best.arg}, *this);
}

std::string Grants::causing(const Cause& cause, const Command& command, const Facts& facts) const {
  std::string out;
  for (const std::string& grant : cause.grants) {
    const bool permits = std::any_of(entries_.begin(), entries_.end(), [&](const Entry& entry) {
      return entry.rule.grant == grant && !entry.observes &&
             fit(entry, command, facts).step == Step::passed;
    });
    if (permits) out.append(out.empty() ? "" : ",").append(grant);
  }
  return out;
}

bool Grants::may_see(const command::CommandInfo& by, std::string_view key, std::uint32_t db) const {
  return std::any_of(entries_.begin(), entries_.end(), [&](const Entry& entry) {
    return entry.commands.contains(by.id) && reads(entry, key, db);
  });
}

bool Grants::may_know(std::string_view key, std::uint32_t db) const {
  return std::any_of(entries_.begin(), entries_.end(),
                     [&](const Entry& entry) { return reads(entry, key, db); });
}

bool Grants::may_hear(std::string_view channel) const {
  return std::any_of(entries_.begin(), entries_.end(), [&](const Entry& entry) {
    return std::any_of(entry.channels.begin(), entry.channels.end(), [&](const std::string& glob) {
      return covers_channel(glob, channel, false);
    });
  });
}

bool Grants::may_select(std::uint32_t db) const {
  return std::find(databases_.begin(), databases_.end(), db) != databases_.end();
}

bool Grants::needs_literal_channel(std::string_view pattern) const {
  return acl_.checks_channels &&
         std::none_of(acl_.patterns.begin(), acl_.patterns.end(),
                      [&](const std::string& glob) { return glob == "*" || glob == pattern; });
}

}  // namespace keyward::policy
