#include "policy/grant_settings.h"

#include "policy/credential_reader.h"

#include <algorithm>

namespace keyward::policy {
namespace {

using std::chrono::hours;
using std::chrono::seconds;

constexpr std::int64_t kMostOfLimit = 1'000'000'000;
constexpr std::uint64_t kLeastBuffer = 1024;  // an ordinary error must fit
constexpr std::size_t kMostScripts = 256;
constexpr hours kLongestBreakGlass{4};
constexpr hours kUsualBreakGlass{1};
constexpr hours kLongestTtl{24 * 3650};

// One of a few words; complains with the nearest.
std::optional<std::string> read_word(const yaml::Node& node, std::string_view what,
                                     const std::vector<std::string>& words) {
  const std::optional<std::string> text = node.text();
  if (!text) return std::nullopt;
  if (std::find(words.begin(), words.end(), *text) != words.end()) return text;
  std::string all;
  for (const std::string& word : words) all += (all.empty() ? "" : " or ") + word;
  const std::string near = nearest(*text, words);
  node.error("unknown " + std::string(what), near.empty() ? all : near);
  return std::nullopt;
}

std::uint64_t read_size(const yaml::Node& node, std::uint64_t least, std::string_view example) {
  const auto size = node.bytes();
  if (!size || *size >= least) return size.value_or(0);
  node.error("it must be at least " + std::to_string(least) + (least == 1 ? " byte" : " bytes"),
             std::string(example));
  return 0;
}

bool is_sha1(std::string_view text) {
  return text.size() == 40 && std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
         });
}

void read_break_glass(const yaml::Node& node, const yaml::Node& session, GrantModel& grant) {
  grant.break_glass = node.boolean().value_or(false);
  if (!grant.break_glass) return;
  if (grant.observes) {
    node.error("a grant for emergencies cannot only observe", "mode: enforce");
  }
  if (grant.limits.session == seconds{0}) {
    grant.limits.session = kUsualBreakGlass;
  } else if (grant.limits.session > kLongestBreakGlass) {
    session.error("a session of `break_glass: true` lasts at most 4h", "1h");
  }
  if (grant.owners.empty()) {
    node.warning("nobody is named as owner of a grant for emergencies",
                 "owners: [team@example.com] at the top of the file");
  }
}

void read_lease(const yaml::Node& node, GrantModel& grant) {
  if (!node.present()) return;
  node.only({"scope", "mode"});
  if (node.is_map() && node.entries().empty())
    node.error("`lease` says nothing", "lease: {scope: rights}");
  grant.lease.by_rights =
      read_word(node.get("scope"), "scope of a lease", {"principal", "rights"}) == "rights";
  grant.lease.fixed =
      read_word(node.get("mode"), "mode of a lease", {"issued", "static"}) == "static";
}

void read_ttl(const yaml::Node& node, GrantModel& grant) {
  if (!node.present()) return;
  node.only({"require", "apply"});
  if (!node.is_map()) return;
  const yaml::Node require = node.get("require");
  const yaml::Node apply = node.get("apply");
  if (require.present() == apply.present()) {
    return node.error("`ttl` wants one of `require` and `apply`",
                      "ttl: {require: true}, or ttl: {apply: 24h}");
  }
  if (require.present()) {
    const std::optional<bool> wanted = require.boolean();
    if (wanted == false) require.error("`require: false` asks for nothing", "no `ttl` at all");
    if (wanted == true) grant.ttl.mode = TtlGuard::Mode::require;
    return;
  }
  const auto life = apply.duration();
  if (!life) return;
  if (*life < seconds(1) || *life > kLongestTtl) {
    return apply.error("an expiry is 1s to 3650d", "24h");
  }
  grant.ttl = {TtlGuard::Mode::apply, *life};
}

}  // namespace

void read_scripts(const yaml::Node& node, GrantModel& grant) {
  if (!node.present()) return;
  if (grant.name_space.pieces.empty()) {
    return node.error(
        "`scripts` names what may run under a namespace, and this grant has none: without one "
        "every "
        "script may run, held to the grant by Redis",
        "the grant without it");
  }
  for (const yaml::Node& item : node.list()) {
    std::optional<std::string> sha = item.text();
    if (!sha) continue;
    if (!is_sha1(*sha)) {
      item.error("a script is named by its SHA-1, 40 hexadecimal digits, as SCRIPT LOAD answers it",
                 "da39a3ee5e6b4b0d3255bfef95601890afd80709");
      continue;
    }
    if (grant.safe_scripts.size() == kMostScripts)
      return item.error("a grant names at most 256 scripts");
    for (char& c : *sha) c = c >= 'A' && c <= 'F' ? static_cast<char>(c + 32) : c;
    grant.safe_scripts.push_back(std::move(*sha));
  }
}

void read_limits(const yaml::Node& node, GrantModel& grant) {
  if (!node.present()) return;
  node.only({"connections", "commands_per_second", "bytes_per_second", "max_value", "pipeline",
             "output_buffer", "session"});
  // Only what stands here: the rest may come from a template.
  const auto count = [&](std::string_view key, std::uint32_t& out) {
    const yaml::Node item = node.get(key);
    if (item.present()) out = static_cast<std::uint32_t>(item.integer(1, kMostOfLimit).value_or(0));
  };
  const auto size = [&](std::string_view key, std::uint64_t least, std::string_view example,
                        std::uint64_t& out) {
    const yaml::Node item = node.get(key);
    if (item.present()) out = read_size(item, least, example);
  };
  Limits& limits = grant.limits;
  count("connections", limits.connections);
  count("commands_per_second", limits.commands_per_second);
  count("pipeline", limits.pipeline);
  size("bytes_per_second", kLeastBuffer, "8MiB", limits.bytes_per_second);
  size("output_buffer", kLeastBuffer, "64MiB", limits.output_buffer);
  size("max_value", 1, "1MiB", grant.max_value);
  const yaml::Node session = node.get("session");
  const auto life = session.duration();
  if (life && *life < seconds(1)) session.error("session must be at least 1s", "12h");
  if (life) grant.limits.session = std::chrono::floor<seconds>(*life);
}

void read_audit(const yaml::Node& node, GrantModel& grant) {
  if (!node.present()) return;
  node.only({"reads", "durability", "keys"});
  grant.audit.reads = node.get("reads").boolean().value_or(grant.audit.reads);
  const auto level =
      read_word(node.get("durability"), "durability", {"async", "written", "synced", "strict"});
  if (level) grant.audit.durability = audit::durability_of(*level);
  const yaml::Node keys = node.get("keys");
  if (keys.present())
    grant.audit.hash_names = read_word(keys, "way to show keys", {"names", "hmac"}) == "hmac";
}

void read_settings(const yaml::Node& node, GrantModel& grant) {
  grant.observes = read_word(node.get("mode"), "mode", {"observe", "enforce"}) == "observe";
  read_break_glass(node.get("break_glass"), node.get("limits").get("session"), grant);
  read_lease(node.get("lease"), grant);
  read_ttl(node.get("ttl"), grant);
  read_credentials(node.get("credentials"), grant);
  grant.shared = node.get("shared").boolean().value_or(false);
}

}  // namespace keyward::policy
