#include "policy/refusal.h"

#include "policy/argument_rules.h"

#include "keyward/base/ascii.h"
#include "keyward/base/log.h"
#include "keyward/base/reserved_keys.h"
#include "keyward/policy/ttl_guard.h"

#include <algorithm>

namespace keyward::policy {
namespace {

constexpr std::size_t kMostListed = 3;

std::string quoted(std::string_view text) { return "'" + std::string(text) + "'"; }

std::string listed(const std::vector<std::string>& words) {
  std::string out;
  for (std::size_t i = 0; i < words.size() && i < kMostListed; ++i)
    out += (i > 0 ? ", " : "") + words[i];
  if (words.size() > kMostListed) out += ", ...";
  return out;
}

std::string contact(const Contact& one) {
  return quoted(one.grant) + (one.owners.empty() ? "" : " (" + one.owners + ")");
}

// "ask the owners of grant 'a' (x@example.com) to add it"
std::string whom_to_ask(const Nearest& nearest, const Grants& grants) {
  std::vector<std::string> names;
  for (const Contact& one : grants.contacts()) {
    if (nearest.entry == nullptr || one.grant == nearest.entry->rule.grant)
      names.push_back(contact(one));
  }
  if (names.empty()) return "ask for a grant";
  return (names.size() == 1 ? "ask the owners of grant "
                            : "ask the owners of one of your grants ") +
         listed(names);
}

std::string at_rule(const Nearest& nearest) {
  return nearest.entry == nullptr ? "" : " (rule " + nearest.entry->rule.text() + ")";
}

std::string access_word(std::uint8_t access) {
  switch (access) {
    case command::kRead:
      return "to read ";
    case command::kModify:
      return "to write ";
    case command::kNone:
      return "for ";
    default:
      return "to read and write ";
  }
}

std::string pattern_text(const KeyPattern& pattern) {
  const std::string glob = log::printable(pattern.glob, 64);
  if (pattern.access == command::kRead) return glob + " (read)";
  if (pattern.access == command::kModify) return glob + " (write)";
  return glob;
}

std::string key_text(const command::Command& command, const Nearest& nearest) {
  std::uint8_t access = command::kNone;
  for (const command::KeyUse& use : command.keys) {
    if (use.arg == nearest.arg) access = use.access;
  }
  std::vector<std::string> patterns;
  for (const KeyPattern& pattern : nearest.entry->keys) patterns.push_back(pattern_text(pattern));
  return "command " + quoted(command.info->name) + " is granted to you, but not " +
         access_word(access) + "the key at argument " + std::to_string(nearest.arg) +
         "; granted keys: " + (patterns.empty() ? "none" : listed(patterns));
}

std::string channel_text(const command::Command& command, const Nearest& nearest) {
  if (nearest.arg == 0) {
    return "command " + quoted(command.info->name) +
           " tells of everybody's channels; it needs a grant for every channel";
  }
  std::vector<std::string> patterns;
  for (const std::string& glob : nearest.entry->channels)
    patterns.push_back(log::printable(glob, 64));
  return "command " + quoted(command.info->name) +
         " is granted to you, but not for the channel at argument " + std::to_string(nearest.arg) +
         "; granted channels: " + (patterns.empty() ? "none" : listed(patterns));
}

std::string database_text(const command::Command& command, const Nearest& nearest,
                          const Grants& grants) {
  const auto& databases = nearest.entry == nullptr ? grants.databases() : nearest.entry->databases;
  std::vector<std::string> numbers;
  for (const std::uint32_t database : databases) numbers.push_back(std::to_string(database));
  return "command " + quoted(command.info->name) +
         " is not granted to you for this database; granted databases: " +
         (numbers.empty() ? "none" : listed(numbers));
}

std::string scan_text(const command::Command& command, const Nearest& nearest) {
  std::vector<std::string> patterns;
  for (const KeyPattern& pattern : nearest.entry->keys) {
    if ((pattern.access & command::kRead) != 0)
      patterns.push_back(log::printable(pattern.glob, 64));
  }
  const std::string& name = command.info->name;
  std::string out = "command " + quoted(name) + " would reach keys outside your grant; ";
  if (name != "scan" && name != "keys") return out + "it needs a grant for every key";
  return out + "give it a pattern inside: " + (patterns.empty() ? "none" : listed(patterns));
}

std::string argument_text(const command::Command& command, const Nearest& nearest,
                          const Grants& grants) {
  const std::string which =
      "argument " + std::to_string(nearest.arg) + " of '" + command.info->name + "' ";
  if (command.info->ruled_from != 0) {
    if (names_secret(lowered(command.args[nearest.arg].substr(0, 128))))
      return which + "takes in secrets of the server, which nobody is shown" + at_rule(nearest);
  }
  std::vector<std::string> patterns;
  for (const ArgumentRule& rule : nearest.entry->arguments) {
    if (rule.command != command.info->id) continue;
    const std::string option = rule.option.empty() ? "" : rule.option + " ";
    for (const std::string& glob : rule.globs)
      patterns.push_back(option + log::printable(glob, 64));
  }
  return which + "is not among those that your grant allows: " +
         (patterns.empty() ? "none" : listed(patterns)) + at_rule(nearest) + "; " +
         whom_to_ask(nearest, grants) + " to add it under 'arguments'";
}

std::string text_of(DenialReason reason, const command::Command& command, const Nearest& nearest,
                    const Grants& grants) {
  const std::string name = quoted(command.info->name);
  switch (reason) {
    case DenialReason::never:
      return "command " + name + " is not available to anyone through this proxy";
    case DenialReason::command: {
      const bool by_name = command.info->exposure == command::Exposure::by_name;
      return "command " + name + " is not granted to you" +
             (by_name ? " (no category brings it in)" : "") + "; " + whom_to_ask(nearest, grants) +
             " to add it";
    }
    case DenialReason::key:
      return key_text(command, nearest) + at_rule(nearest) + "; " + whom_to_ask(nearest, grants);
    case DenialReason::channel:
      return channel_text(command, nearest) + at_rule(nearest) + "; " +
             whom_to_ask(nearest, grants);
    case DenialReason::database:
      return database_text(command, nearest, grants) + at_rule(nearest) + "; " +
             whom_to_ask(nearest, grants);
    case DenialReason::keyspace_scan:
      return scan_text(command, nearest) + at_rule(nearest);
    case DenialReason::limit: {
      const std::string where =
          nearest.arg == 0 ? "an argument" : "argument " + std::to_string(nearest.arg);
      return where + " of " + name + " is longer than " + std::to_string(nearest.entry->max_value) +
             " bytes, the max_value of your grant" + at_rule(nearest);
    }
    case DenialReason::argument:
      return argument_text(command, nearest, grants);
    case DenialReason::ttl:
      return "command " + name + " " +
             std::string(ttl_refusal(nearest.entry->ttl, command, false)) + at_rule(nearest);
    case DenialReason::script:
      return "the script of " + name + " is not declared safe for the namespace of your grant; " +
             whom_to_ask(nearest, grants) + " to add its SHA-1 under 'scripts'";
    case DenialReason::reserved:
      return "argument " + std::to_string(nearest.arg) + " of " + name + " begins with " +
             quoted(kReservedKeys) + ", which is this proxy's own; use another name";
  }
  return "not granted";
}

}  // namespace

Denial refuse(DenialReason reason, const command::Command& command, const Nearest& nearest,
              const Grants& grants) {
  return Denial{reason, nearest.entry == nullptr ? nullptr : &nearest.entry->rule,
                text_of(reason, command, nearest, grants)};
}

}  // namespace keyward::policy
