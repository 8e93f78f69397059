// Why a command is allowed or refused: the same decision as the proxy's, told for people and
// scripts.
#pragma once

#include "keyward/policy/grants.h"
#include "keyward/policy/snapshot.h"

#include <span>
#include <string>
#include <string_view>

namespace keyward::policy {

struct Explanation {
  enum class Verdict {
    allow,
    deny,   // the policy refuses it
    error,  // no command that the proxy would judge: unknown, wrong arity, ambiguous grammar;
            // refused as well
  };
  Verdict verdict = Verdict::error;
  std::string rule;  // grant that allows it, or that came closest; may be empty
  std::string file;  // of that rule, relative to the policy folder
  int line = 0;
  std::string reason;  // the text a client would see, or what allows it
};

// "allow", "deny", "error".
[[nodiscard]] std::string_view name(Explanation::Verdict verdict);

[[nodiscard]] Explanation explain(const Grants& grants, std::span<const std::string> argv,
                                  const command::Catalog& catalog, const Facts& facts = {});
// With whatever the snapshot grants this principal; "no grant matches" is a deny.
[[nodiscard]] Explanation explain(const Snapshot& snapshot, const identity::Principal& principal,
                                  std::span<const std::string> argv, const Facts& facts = {});

}  // namespace keyward::policy
