// What Keyward decides about a request and, where Redis would allow what it refuses, the rule that
// makes it stricter. A rule counts only when it can be shown: without it the request is permitted.
#pragma once

#include "support/policy_gen.h"
#include "support/temp_dir.h"

#include "keyward/policy/snapshot.h"

#include <fstream>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace keyward::test {

using Argv = std::vector<std::string>;

inline std::shared_ptr<const policy::Grants> load_grants(
    const std::string& text, std::shared_ptr<const command::Catalog> catalog) {
  const TempDir dir;
  std::ofstream(dir.file("p.yaml"), std::ios::binary) << text;
  Diagnostics diagnostics;
  const auto snapshot = policy::Snapshot::load(dir.path(), std::move(catalog), {}, diagnostics);
  if (!snapshot) return nullptr;
  identity::Principal someone;
  someone.issuer_alias = "x";
  someone.subject = "s";
  const auto grants = snapshot->grants_for(someone);
  return grants ? *grants : nullptr;
}

// The texts of refused grammar, by the part that no argument changes.
inline std::optional<std::string> grammar_rule(std::string_view text) {
  static const std::vector<std::pair<std::string_view, std::string_view>> rules{
      {"is given twice", "an option twice"},
      {"does not go with an option before it", "options that exclude each other"},
      {"has a value that reads as", "a value that reads as an option"},
      {"is refused here: it would reach into another database", "COPY to another database"},
      {"BCAST wants PREFIX", "CLIENT TRACKING BCAST without PREFIX"},
      {"PREFIX belongs to BCAST", "CLIENT TRACKING PREFIX without BCAST"},
      {"is refused here: it would reach into another connection", "CLIENT TRACKING REDIRECT"},
      {"its keys cannot be told", "a count of keys that is no plain number, or leads outside"},
      {"lacks its value", "an option without its value"},
      {"wants an integer", "an option that wants an integer"},
      {"is none of its options", "a word that is no option of the command"},
      {"is none of its operations", "a word that is no operation of BITFIELD"},
      {"is neither an option nor STREAMS", "a word that is no option of XREAD"},
      {"option GROUP is missing", "XREADGROUP without GROUP"},
      {"STREAMS wants as many ids as keys", "STREAMS with keys and ids that do not pair"},
      {"an argument behind its keys is missing", "nothing behind the keys"},
      {"it wants an id and as many values", "XADD without id or with half a pair"},
      {"it wants as many members as scores", "ZADD with half a pair"}};
  for (const auto& [part, rule] : rules) {
    if (text.find(part) != std::string_view::npos) return "strict grammar: " + std::string(rule);
  }
  return std::nullopt;
}

struct Judgement {
  bool allowed = false;
  bool session = false;              // allowed without a grant
  bool observed = false;             // allowed only because a grant observes
  std::vector<std::string> literal;  // patterns to be made known to Redis first
  std::string patterns_refused;      // the lease cannot make one of them known
  const command::CommandInfo* info = nullptr;
};

// One random policy under test.
class Subject {
 public:
  Subject(std::shared_ptr<const policy::Grants> full, std::shared_ptr<const policy::Grants> bare,
          const command::Catalog& catalog)
      : full_(std::move(full)), bare_(std::move(bare)), catalog_(catalog) {}

  [[nodiscard]] const policy::Grants& grants() const { return *full_; }

  [[nodiscard]] Judgement judge(const Argv& argv, std::uint32_t db) const {
    Judgement out;
    const Views views(argv);
    out.info = catalog_.find(views.all);
    command::Command command;
    if (command::analyse(catalog_, views.all, command).verdict != command::Verdict::ok) return out;
    const policy::Decision decision = full_->decide(command, {.db = db});
    const auto* permit = std::get_if<policy::Permit>(&decision);
    if (permit == nullptr) return out;
    out.allowed = true;
    out.session = permit->rule().grant == "session";
    out.observed = permit->would_deny().has_value();
    if (command.info->kind != command::Kind::psubscribe) return out;
    for (const command::ChannelUse& use : command.channels) {
      if (full_->needs_literal_channel(argv[use.arg])) out.literal.push_back(argv[use.arg]);
    }
    return out;
  }

  // Why Keyward refuses what the user that it compiles may do; nullopt: nobody knows.
  [[nodiscard]] std::optional<std::string> stricter(const Argv& argv, std::uint32_t db) const {
    const Views views(argv);
    command::Command command;
    const command::Analysis analysis = command::analyse(catalog_, views.all, command);
    if (analysis.verdict == command::Verdict::grammar) return grammar_rule(analysis.text);
    if (analysis.verdict != command::Verdict::ok) return std::nullopt;
    const policy::DenialReason reason = reason_of(*full_, command, db);
    const bool scans = reason == policy::DenialReason::keyspace_scan ||
                       reason_of(*bare_, command, 0) == policy::DenialReason::keyspace_scan;
    if (scans && command.info->scans_keyspace)
      return "keyspace: Redis does not hold " + command.info->name + " to key patterns";
    const bool counts = reason == policy::DenialReason::channel ||
                        reason_of(*bare_, command, 0) == policy::DenialReason::channel;
    if (counts && command.info->name == "pubsub|numpat")
      return "channels: Redis does not hold pubsub|numpat to channel patterns";
    if (reason == policy::DenialReason::command && command.info->kind == command::Kind::unsubscribe)
      return "unsubscribe: open to every user for the preamble of StackExchange.Redis";
    for (const policy::Grants* grants : {full_.get(), bare_.get()}) {
      const bool extras = grants == bare_.get();
      const std::string besides = extras ? " (and what an ACL cannot say)" : "";
      if (extras && permits(*grants, command)) return unsayable(command, db, reason);
      if (command.info->name == "xreadgroup" && permits_as_read(*grants, command, db, extras))
        return "XREADGROUP is a write too: it moves the group's pending list" + besides;
      if (!command.ruled.empty() && permits_unruled(*grants, command, db, extras))
        return "arguments: an ACL knows no rules for them" + besides;
      if (command.info->kind == command::Kind::psubscribe &&
          permits_one_by_one(*grants, command, db, extras))
        return "PSUBSCRIBE: its patterns must lie in one entry" + besides;
    }
    return std::nullopt;
  }

  // Why Keyward refuses what the policy's words allow when Redis itself reads them. Rules that the
  // compiled user has as well.
  [[nodiscard]] std::optional<std::string> stricter_than_words(const Argv& argv) const {
    const Views views(argv);
    const command::CommandInfo* info = catalog_.find(views.all);
    if (info == nullptr) return std::nullopt;
    if (info->exposure == command::Exposure::never) return "never: not for clients of the proxy";
    if (info->kind == command::Kind::select) return "databases: SELECT of one not granted";
    if (held(*info)) return std::nullopt;
    if (info->exposure == command::Exposure::by_name)
      return "by_name: no category or container brings it in";
    if (info->scans_keyspace && runs_scripts())
      return "scripts: who runs them loses what tells of the keyspace";
    if (info->name.starts_with("georadius") && runs_scripts())
      return "scripts: who runs them loses GEORADIUS, which may store unchecked";
    return std::nullopt;
  }

  [[nodiscard]] bool held(const command::CommandInfo& info) const {
    for (const policy::Entry& entry : full_->entries()) {
      if (!entry.observes && entry.commands.contains(info.id)) return true;
    }
    return false;
  }

 private:
  struct Views {
    explicit Views(const Argv& argv) : all(argv.begin(), argv.end()) {}
    std::vector<std::string_view> all;
  };

  static policy::DenialReason reason_of(const policy::Grants& grants,
                                        const command::Command& command, std::uint32_t db) {
    const policy::Decision decision = grants.decide(command, {.db = db});
    const auto* denial = std::get_if<policy::Denial>(&decision);
    return denial == nullptr ? policy::DenialReason::command : denial->reason;
  }

  static bool permits(const policy::Grants& grants, const command::Command& command,
                      std::uint32_t db = 0) {
    return std::holds_alternative<policy::Permit>(grants.decide(command, {.db = db}));
  }

  static bool permits_as_read(const policy::Grants& grants, const command::Command& command,
                              std::uint32_t db, bool any_db) {
    command::Command read = command;
    for (command::KeyUse& use : read.keys) use.access = command::kRead;
    return permits(grants, read, any_db ? 0 : db);
  }

  static bool permits_unruled(const policy::Grants& grants, const command::Command& command,
                              std::uint32_t db, bool any_db) {
    command::Command unruled = command;
    unruled.ruled.clear();
    return permits(grants, unruled, any_db ? 0 : db);
  }

  static bool permits_one_by_one(const policy::Grants& grants, const command::Command& command,
                                 std::uint32_t db, bool any_db) {
    for (const command::ChannelUse& use : command.channels) {
      command::Command one = command;
      one.channels = {use};
      if (!permits(grants, one, any_db ? 0 : db)) return false;
    }
    return true;
  }

  // The bare policy permits it: the database, or whatever the refusal names.
  std::optional<std::string> unsayable(const command::Command& command, std::uint32_t db,
                                       policy::DenialReason reason) const {
    for (const std::uint32_t other : full_->databases()) {
      if (other != db && permits(*full_, command, other)) return "databases: an ACL knows none";
    }
    for (const std::uint32_t each : full_->databases()) {
      if (reason_of(*full_, command, each) == policy::DenialReason::ttl)
        return "ttl: the key would be left without an expiry";
    }
    for (const policy::Entry& entry : full_->entries()) {
      if (entry.max_value == 0) continue;
      for (const std::string_view arg : command.args) {
        if (arg.size() > entry.max_value) return "max_value: an ACL knows no sizes";
      }
    }
    if (reason == policy::DenialReason::database) return "databases: an ACL knows none";
    return std::nullopt;
  }

  bool runs_scripts() const {
    for (const command::CommandInfo& info : catalog_.all()) {
      if (info.kind != command::Kind::script) continue;
      // Those that only an observing grant has count as well.
      for (const policy::Entry& entry : full_->entries()) {
        if (entry.commands.contains(info.id)) return true;
      }
    }
    return false;
  }

  std::shared_ptr<const policy::Grants> full_, bare_;
  const command::Catalog& catalog_;
};

}  // namespace keyward::test
