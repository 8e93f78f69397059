#include "policy/argument_rules.h"

#include "keyward/base/ascii.h"
#include "keyward/policy/glob.h"

#include <algorithm>
#include <array>

namespace keyward::policy {
namespace {

constexpr std::size_t kLongestName = 128;

// Settings of Redis and Valkey that hold a secret or name who has one (config.c, SENSITIVE_CONFIG).
constexpr std::string_view kSecrets[] = {"requirepass",
                                         "masterauth",
                                         "masteruser",
                                         "primaryauth",
                                         "primaryuser",
                                         "tls-key-file-pass",
                                         "tls-client-key-file-pass",
                                         "sentinel-pass",
                                         "sentinel-user",
                                         "user"};
// Modules and newer servers bring settings that nobody here has seen.
constexpr std::string_view kSecretWords[] = {"pass",       "auth",    "secret", "token",
                                             "credential", "private", "-key-"};

bool is_pattern(std::string_view text) {
  return text.find_first_of("*?[\\") != std::string_view::npos;
}

// A SORT pattern has one `*`, whose place the element takes; every other byte is meant as itself
// (sort.c lookupKeyByPattern). Only what a glob reads the same way is compared with globs.
bool reads_as_glob(std::string_view pattern) {
  return pattern.find_first_of("?[]\\") == std::string_view::npos &&
         pattern.find('*') == pattern.rfind('*');
}

std::string_view key_of_sort(std::string_view pattern) {
  const std::size_t star = pattern.find('*');
  const std::size_t arrow = pattern.find("->", star == std::string_view::npos ? 0 : star);
  // "->" at the very end belongs to the key.
  if (arrow == std::string_view::npos || arrow + 2 == pattern.size()) return pattern;
  return pattern.substr(0, arrow);
}

bool reads_inside(const Entry& entry, std::string_view pattern) {
  return std::any_of(entry.keys.begin(), entry.keys.end(), [&](const KeyPattern& key) {
    return (key.access & command::kRead) != 0 && glob_contains(key.glob, pattern);
  });
}

bool reads_prefix(const Entry& entry, std::string_view prefix) {
  if (every_key(entry, command::kRead)) return true;
  return std::any_of(entry.keys.begin(), entry.keys.end(), [&](const KeyPattern& key) {
    return (key.access & command::kRead) != 0 && key.is_prefix &&
           prefix.starts_with(std::string_view(key.glob).substr(0, key.glob.size() - 1));
  });
}

bool in_globs(const ArgumentRule& rule, std::string_view text) {
  return std::any_of(rule.globs.begin(), rule.globs.end(),
                     [&](const std::string& glob) { return glob_contains(glob, text); });
}

bool in_prefixes(const ArgumentRule& rule, std::string_view text) {
  return std::any_of(rule.globs.begin(), rule.globs.end(),
                     [&](const std::string& prefix) { return text.starts_with(prefix); });
}

bool covers_config(const Entry& entry, command::CommandId id, std::string_view name) {
  if (name.size() > kLongestName) return false;
  std::array<char, kLongestName> buffer{};
  std::transform(name.begin(), name.end(), buffer.begin(), to_lower);
  const std::string_view low(buffer.data(), name.size());
  if (names_secret(low)) return false;
  return std::any_of(entry.arguments.begin(), entry.arguments.end(), [&](const ArgumentRule& rule) {
    return rule.command == id && rule.option.empty() &&
           (in_globs(rule, low) ||
            // a plain name may match a rule that containment cannot read
            (!is_pattern(low) &&
             std::any_of(rule.globs.begin(), rule.globs.end(),
                         [&](const std::string& glob) { return glob_match(glob, low); })));
  });
}

}  // namespace

bool every_key(const Entry& entry, std::uint8_t access) {
  return std::any_of(entry.keys.begin(), entry.keys.end(), [&](const KeyPattern& pattern) {
    return (pattern.access & access) == access && pattern.glob == "*";
  });
}

bool names_secret(std::string_view name) {
  if (is_pattern(name)) {
    return std::any_of(std::begin(kSecrets), std::end(kSecrets),
                       [&](std::string_view secret) { return glob_match(name, secret); });
  }
  return std::any_of(std::begin(kSecrets), std::end(kSecrets),
                     [&](std::string_view secret) { return name == secret; }) ||
         std::any_of(std::begin(kSecretWords), std::end(kSecretWords), [&](std::string_view word) {
           return name.find(word) != std::string_view::npos;
         });
}

bool covers_argument(const Entry& entry, const command::Command& command,
                     const command::RuledUse& use) {
  const std::string_view text = command.args[use.arg];
  const command::CommandId id = command.info->id;
  if (use.option.empty()) return covers_config(entry, id, text);
  if (entry.observes) return every_key(entry, command::kRead);
  const bool prefix = use.option == "bcast";
  if (!prefix && !reads_as_glob(text)) return false;
  const bool ruled =
      std::any_of(entry.arguments.begin(), entry.arguments.end(), [&](const ArgumentRule& rule) {
        return rule.command == id && rule.option == use.option &&
               (prefix ? in_prefixes(rule, text) : in_globs(rule, text));
      });
  if (!ruled) return false;
  return prefix ? reads_prefix(entry, text) : reads_inside(entry, key_of_sort(text));
}

}  // namespace keyward::policy
