// The answer to "may they": a Permit that only decide() can make, or a Denial. Both say by which
// rule.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

namespace keyward::policy {

class Grants;
struct Entry;

// Names a rule for people; lives as long as its Snapshot.
struct RuleRef {
  std::string grant;  // "airflow-worker"
  std::string file;   // relative to the policy folder
  int line = 0;       // of the allow entry
  [[nodiscard]] std::string text() const { return file + ":" + std::to_string(line); }
};

enum class DenialReason : std::uint8_t {
  command,  // no entry has the command
  key,      // an entry has the command, none covers all its keys with that access
  channel,
  database,
  keyspace_scan,  // SCAN/KEYS/RANDOMKEY/DBSIZE that could show foreign names
  never,          // not for clients of the proxy at all
  limit,          // a limit of the grant (value size)
  argument,       // an argument rule of the entry: SORT BY, CONFIG GET names, INFO sections
  ttl,            // it would leave a key without an expiry
  script,         // under a namespace: a script that the grant does not call safe
  reserved,       // a key of Keyward's own
};
inline constexpr std::size_t kDenialReasons = 11;
// As it stands in audit records: "command", "key" ...
[[nodiscard]] std::string_view name(DenialReason reason);

// Cannot be made by anyone but Grants::decide; the proxy's way upstream demands one. Points into
// those Grants.
class Permit {
 public:
  // What a grant that only observes lets pass and records.
  struct Objection {
    DenialReason reason = DenialReason::command;
    const RuleRef* nearest = nullptr;  // may be null
  };

  [[nodiscard]] const RuleRef& rule() const { return *rule_; }
  // The entry that has the command; null for what every session may do.
  [[nodiscard]] const Entry* entry() const { return entry_; }
  // The answer may name keys that the grants do not reach: only through view::show to the client.
  [[nodiscard]] bool filtered() const { return filtered_; }
  // Set when only `mode: observe` lets it pass: what would have been the reason to refuse.
  [[nodiscard]] const std::optional<Objection>& would_deny() const { return would_deny_; }

 private:
  friend class Grants;
  explicit Permit(const RuleRef* rule, const Entry* entry = nullptr, bool filtered = false)
      : rule_(rule), entry_(entry), filtered_(filtered) {}
  const RuleRef* rule_;
  const Entry* entry_;
  bool filtered_;
  std::optional<Objection> would_deny_;
};

struct Denial {
  DenialReason reason = DenialReason::command;
  const RuleRef* nearest = nullptr;  // the entry that came closest; may be null
  // Client-visible text after "NOPERM ", names the command or key class and what to ask for; no
  // values, no other teams.
  std::string text;
};

using Decision = std::variant<Permit, Denial>;

}  // namespace keyward::policy
