// One loaded policy folder: immutable, shared by all threads, loaded as a whole or not at all.
#pragma once

#include "keyward/base/diagnostics.h"
#include "keyward/base/result.h"
#include "keyward/command/catalog.h"
#include "keyward/identity/principal.h"
#include "keyward/policy/grants.h"
#include "keyward/policy/trigger_rule.h"

#include <chrono>
#include <memory>
#include <string>
#include <vector>

namespace keyward::policy {

// One line of a grant's `who`: every set part must hold.
struct Who {
  std::string issuer;                                       // alias
  std::string subject;                                      // exact, or a glob when it contains *
  std::vector<std::string> groups;                          // any of these
  std::vector<std::pair<std::string, std::string>> claims;  // dotted path = exact value
};

class Signers;

struct GrantInfo {
  std::string name, team, file;
  int line = 0;
  std::vector<Who> who;
  std::size_t entries = 0;
  bool static_lease = false;  // runs as the configured Redis user
  CredentialSettings credentials;
};

class Snapshot {
 public:
  // Reads every *.yaml below `folder` (or the one file). All errors at once; runs every `expect`
  // case; null when anything failed. `issuers`: aliases of the configuration, unknown ones in `who`
  // are errors; empty = any alias is taken. `signers`: the folder must be signed by one of them.
  [[nodiscard]] static std::shared_ptr<const Snapshot> load(
      const std::string& folder, std::shared_ptr<const command::Catalog> catalog,
      const std::vector<std::string>& issuers, Diagnostics& diagnostics,
      const Signers* signers = nullptr);
  // Every grant whose `who` matches, templates filled in; null when none matches. Errors: a claim
  // value that a key template must not take (Errc::forbidden, message starts with
  // "template_value").
  // Grants of `break_glass: true` are among them only when asked for; who has no others has Grants
  // that allow nothing.
  // Who came with a vended credential has the grants that it was given out for, while they still
  // allow that; for a direct one only what Redis itself holds to the grants.
  [[nodiscard]] Result<std::shared_ptr<const Grants>> grants_for(
      const identity::Principal& principal, bool break_glass = false) const;
  // Which of the principal's grants a credential of that mode may carry, and for how long at most:
  // the shortest of theirs. `only` names those that are asked for; empty = all that can be had.
  struct Vendable {
    std::vector<std::string> grants;
    std::vector<std::string> refused;  // asked for, and not to be had
    std::chrono::seconds life{0};
  };
  [[nodiscard]] Vendable vendable_for(const identity::Principal& principal,
                                      identity::Vended::Mode mode,
                                      const std::vector<std::string>& only) const;
  // The grants that break-glass would add, and for how long.
  struct BreakGlass {
    std::vector<std::string> grants;
    std::chrono::seconds life{0};  // the shortest of theirs
  };
  [[nodiscard]] BreakGlass break_glass_for(const identity::Principal& principal) const;
  // The grant by name alone, with example values in its templates: for the command line.
  [[nodiscard]] Result<std::shared_ptr<const Grants>> grants_named(std::string_view grant) const;
  // The same with every template standing for itself, "sandbox:{subject}:*": for telling people
  // what a grant says, and for comparing what two folders say. Braces mean nothing to a glob.
  [[nodiscard]] Result<std::shared_ptr<const Grants>> grants_as_written(
      std::string_view grant) const;
  [[nodiscard]] const std::vector<GrantInfo>& grants() const { return grants_; }
  // `triggers:` of all files, in the order of the files.
  [[nodiscard]] const std::vector<TriggerRule>& triggers() const { return triggers_; }
  [[nodiscard]] const std::string& version() const {
    return version_;
  }  // hash of the content, 16 hex digits
  [[nodiscard]] const std::string& commit() const {
    return commit_;
  }  // git commit of the folder, may be empty
  [[nodiscard]] const command::Catalog& catalog() const { return *catalog_; }
  [[nodiscard]] std::size_t expectations() const {
    return expectations_;
  }  // cases that ran, all of them held

 private:
  Snapshot() = default;
  std::shared_ptr<const command::Catalog> catalog_;
  std::vector<GrantInfo> grants_;
  std::vector<TriggerRule> triggers_;
  std::string version_, commit_;
  std::size_t expectations_ = 0;
  struct State;  // the grants as read, and how Grants are made of them
  std::shared_ptr<const State> state_;
};

}  // namespace keyward::policy
