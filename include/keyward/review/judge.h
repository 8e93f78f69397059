// Judges the records of a trail by a policy folder: would this folder let it pass, and by which
// rule?
#pragma once

#include "keyward/policy/snapshot.h"
#include "keyward/review/rebuild.h"
#include "keyward/review/trail.h"

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

namespace keyward::review {

struct Verdict {
  enum class Kind : std::uint8_t {
    allow,
    observe,  // only because a grant observes: would be refused without
    deny,
    unknown,  // the record does not hold what the answer depends on
  };
  Kind kind = Kind::unknown;
  const policy::RuleRef* rule = nullptr;  // that allows it or came closest; may be null
  std::optional<policy::DenialReason> denial;
  bool never = false;  // not for any client, whatever a policy says
  std::string why;     // of deny and unknown
};

class Judge {
 public:
  explicit Judge(std::shared_ptr<const policy::Snapshot> snapshot);

  // Rules in the verdict live as long as the Judge.
  [[nodiscard]] Verdict judge(const Record& record);
  // The command of the record judged last; null when it could not be made.
  [[nodiscard]] const command::Command* command() const { return command_; }
  // What the snapshot grants this person; null when nothing, or when it cannot be told.
  [[nodiscard]] const policy::Grants* grants_of(const Actor& actor);

 private:
  struct Known {
    std::shared_ptr<const policy::Grants> grants;
    std::string problem;  // why it cannot be told
  };
  const Known& look_up(const Actor& actor);

  std::shared_ptr<const policy::Snapshot> snapshot_;
  Rebuilder rebuilder_;
  std::unordered_map<const Actor*, Known> known_;
  const command::Command* command_ = nullptr;
};

// The person of a trail as a policy sees one. A trail holds no claims: those that a `who` line asks
// for are taken for given when the record says that the person had that very grant.
[[nodiscard]] identity::Principal principal_of(const Actor& actor,
                                               const policy::Snapshot& snapshot);

}  // namespace keyward::review
