// The rights of one principal under one policy version: what decide() judges by and what the ACL
// user is compiled from.
#pragma once

#include "keyward/audit/durability.h"
#include "keyward/command/command.h"
#include "keyward/command/command_set.h"
#include "keyward/policy/decision.h"
#include "keyward/policy/trigger_rule.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace keyward::policy {

struct KeyPattern {
  std::string glob;         // Redis glob, as ACL key patterns
  std::uint8_t access = 3;  // bits: 1 read, 2 write
  // The glob is plain text and one `*` behind it: matching is comparing a prefix.
  bool is_prefix = false;
};

// `ttl:` of a grant, for every write that can create a key.
struct TtlGuard {
  enum class Mode : std::uint8_t {
    none,
    require,  // a write that would leave a key without expiry is refused
    apply,    // it gets `life`, atomically
  };
  Mode mode = Mode::none;
  std::chrono::milliseconds life{0};
};

// What one command may say beyond its keys: `arguments:` of an entry.
struct ArgumentRule {
  command::CommandId command = 0;
  std::string option;  // "by", "get", "bcast"; empty = the arguments themselves (CONFIG GET, INFO)
  // What it may be: lower-case globs for names of settings and sections, globs of keys for "by" and
  // "get", prefixes of keys for "bcast"; keys are Redis's names.
  std::vector<std::string> globs;
};

// One `allow` entry, claims templates filled in. A command must fit inside one entry. One entry =
// one ACL selector.
struct Entry {
  command::CommandSet commands;
  std::vector<KeyPattern> keys;
  std::vector<std::string> channels;     // Redis globs
  std::vector<std::uint32_t> databases;  // of its grant; empty = {0}
  std::uint64_t max_value = 0;           // bytes of one argument; 0 = no limit
  std::vector<ArgumentRule> arguments;
  TtlGuard ttl;  // of its grant
  // Made of `mode: observe`, behind all others: what is harmless to others. Whatever only this one
  // allows is recorded as what would have been refused.
  bool observes = false;
  RuleRef rule;
};

// Of several grants the most generous value holds; a grant that does not name a limit sets none.
struct Limits {
  std::uint32_t connections = 0;  // 0 = no limit
  std::uint32_t commands_per_second = 0;
  std::uint64_t bytes_per_second = 0;  // of requests
  std::uint32_t pipeline = 0;          // commands of one connection under way
  std::uint64_t output_buffer = 0;     // bytes of answers that one connection has not taken
  std::chrono::seconds session{0};     // 0 = the token's life
};

struct AuditSettings {
  bool reads = false;
  bool hash_names = false;  // `keys: hmac`: one of several grants is enough
  // Of several grants the strongest; `by_default`: one leaves it to the process.
  std::optional<audit::Durability> durability;
  bool by_default = false;
  [[nodiscard]] audit::Durability durability_or(audit::Durability usual) const {
    const audit::Durability own = durability.value_or(usual);
    return by_default ? std::max(own, usual) : own;
  }
};

// The Redis user behind a session.
struct LeaseSettings {
  bool by_rights = false;  // `scope: rights`: one user for all identities of equal rights
  bool fixed = false;  // `mode: static`: the configured user, where Redis lets nobody make users
};

// The longest lives of what POST /v1/credentials gives out; 0 = it gives out none.
struct CredentialSettings {
  std::chrono::seconds proxy{0};
  std::chrono::seconds direct{0};
};

struct Facts {
  std::uint32_t db = 0;
  // Declared bytes of the longest argument that is streamed, so that it is not in Command::args; 0
  // = none is.
  std::uint64_t streamed = 0;
  // What a write leaves without an expiry is asked later: inside a transaction at its EXEC, of a
  // large request at its end.
  bool expiry_later = false;
};

// Whom to ask about a grant.
struct Contact {
  std::string grant;
  std::string owners;  // of its team, comma-separated; may be empty
};

// The rules of a Redis ACL user that allows what these grants allow, for one server version.
struct AclRules {
  std::vector<std::string> tokens;  // what follows "SETUSER name reset on #hash": "resetkeys",
                                    // "resetchannels", "-@all", "+ping", "(~k +get)" ...
  struct Probe {                    // for ACL DRYRUN after the user was made
    std::vector<std::string> argv;
    bool allowed = false;
  };
  std::vector<Probe> probes;
  bool checks_channels = true;  // false before Redis 6.2
  std::vector<std::string>
      patterns;  // that PSUBSCRIBE may name literally, for needs_literal_channel()
  std::vector<std::string>
      notes;  // where the server's rules are wider than ours ("6.2 has no selectors: ...")
};

// A source of a trigger that some of these grants may cause: what passes to it by one of them is
// attested (docs/attestation.md).
struct Cause {
  TriggerSource::Kind kind = TriggerSource::Kind::stream;
  std::string name;                 // Redis's: of the stream or channel, or glob of expiring keys
  std::string rule;                 // name
  std::vector<std::string> grants;  // of these, by name
  // Of the rule, for records: "orders of shop:orders", "shop.yaml", 12.
  std::string what, file;
  int line = 0;
};

class Grants {
 public:
  // `command` as command::analyse left it with Verdict::ok. Allocates only for a Denial's text. The
  // Permit and the Denial point into these Grants.
  [[nodiscard]] Decision decide(const command::Command& command, const Facts& facts) const;
  // SELECT n.
  [[nodiscard]] bool may_select(std::uint32_t db) const;
  // The databases named by any grant.
  [[nodiscard]] const std::vector<std::uint32_t>& databases() const { return databases_; }
  [[nodiscard]] const AclRules& acl() const { return acl_; }
  // A literal "&pattern" that must be added to the ACL user before PSUBSCRIBE `pattern` (already
  // permitted) reaches Redis; false when the compiled rules hold it literally or allow every
  // channel.
  [[nodiscard]] bool needs_literal_channel(std::string_view pattern) const;
  // Every name that Redis sees of this principal begins with it; empty = the client writes full
  // names. Patterns in entries() are Redis's.
  [[nodiscard]] const std::string& name_space() const { return name_space_; }
  // SHA-1 of the scripts that may run under the namespace, lower-case hex, sorted.
  [[nodiscard]] const std::vector<std::string>& safe_scripts() const { return safe_scripts_; }
  // An entry that has this command in this database may read the key (a Redis name): it may stand
  // in its answer.
  [[nodiscard]] bool may_see(const command::CommandInfo& by, std::string_view key,
                             std::uint32_t db) const;
  // Some entry may read the key, by whatever command, in that database.
  [[nodiscard]] bool may_know(std::string_view key, std::uint32_t db) const;
  // Some entry holds a channel pattern that matches.
  [[nodiscard]] bool may_hear(std::string_view channel) const;
  // In the order of the rules; empty for nearly everybody.
  [[nodiscard]] const std::vector<Cause>& causes() const { return causes_; }
  // Channels and expiring keys of rules that name none of these grants, as far as they reach them:
  // what passes there causes nothing, and that is recorded. No rights, and not in rights_id().
  [[nodiscard]] const std::vector<Cause>& closed_sources() const { return closed_; }
  [[nodiscard]] bool reach_sources() const { return !causes_.empty() || !closed_.empty(); }
  // Those of its grants that permit this command, joined with commas; empty = it causes nothing.
  [[nodiscard]] std::string causing(const Cause& cause, const command::Command& command,
                                    const Facts& facts) const;
  // Lower-case globs of the sections that INFO shows to this principal; empty = all.
  [[nodiscard]] const std::vector<std::string>& info_sections() const { return info_sections_; }
  [[nodiscard]] const LeaseSettings& lease() const { return lease_; }
  // Grants of `break_glass: true` are among them.
  [[nodiscard]] bool break_glass() const { return break_glass_; }
  // Hash of everything that decides (entries, databases, limits): equal rights, equal id.
  [[nodiscard]] const std::string& rights_id() const { return rights_id_; }
  [[nodiscard]] const std::string& policy_version() const { return policy_version_; }
  [[nodiscard]] const std::vector<std::string>& grant_names() const { return grant_names_; }
  [[nodiscard]] const Limits& limits() const { return limits_; }
  [[nodiscard]] const AuditSettings& audit() const { return audit_; }
  [[nodiscard]] const std::vector<Entry>& entries() const { return entries_; }
  [[nodiscard]] const std::vector<Contact>& contacts() const { return contacts_; }

 private:
  friend class Snapshot;
  Grants() = default;
  std::vector<Entry> entries_;
  std::vector<std::uint32_t> databases_;
  Limits limits_;
  AuditSettings audit_;
  std::vector<std::string> grant_names_;
  std::string rights_id_, policy_version_;
  std::vector<Contact> contacts_;
  AclRules acl_;
  std::string name_space_;
  std::vector<std::string> safe_scripts_;
  std::vector<std::string> info_sections_;
  LeaseSettings lease_;
  bool break_glass_ = false;
  std::vector<Cause> causes_, closed_;
};

}  // namespace keyward::policy
