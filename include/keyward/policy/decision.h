// The answer to "may they": a Permit that only decide() can make, or a Denial. Both say by which
// rule.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

namespace keyward::policy {

class Grants;

// Names a rule for people; lives as long as its Snapshot.
struct RuleRef {
  std::string grant;  // "airflow-worker"
  std::string file;   // relative to the policy folder
  int line = 0;       // of the allow entry
  [[nodiscard]] std::string text() const { return file + ":" + std::to_string(line); }
};

// Cannot be made by anyone but Grants::decide; the proxy's way upstream demands one.
class Permit {
 public:
  [[nodiscard]] const RuleRef& rule() const { return *rule_; }

 private:
  friend class Grants;
  explicit Permit(const RuleRef* rule) : rule_(rule) {}
  const RuleRef* rule_;
};

enum class DenialReason : std::uint8_t {
  command,  // no entry has the command
  key,      // an entry has the command, none covers all its keys with that access
  channel,
  database,
  keyspace_scan,  // SCAN/KEYS/RANDOMKEY/DBSIZE that could show foreign names
  never,          // not for clients of the proxy at all
  limit,          // a limit of the grant (value size)
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
