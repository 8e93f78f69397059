// The list that a reviewer of access signs: one row for each grant and each of those it is for.
// Made of a policy and a trail, filled in by a person, signed, kept, and compared with the next
// one.
#pragma once

#include "keyward/base/diagnostics.h"
#include "keyward/base/ed25519.h"
#include "keyward/base/result.h"
#include "keyward/policy/snapshot.h"
#include "keyward/report/document.h"
#include "keyward/report/tally.h"
#include "keyward/review/access.h"

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

namespace keyward::report {

// What a rule lets do, whole: what two reviews are compared by.
struct Right {
  std::vector<std::string> commands, read_write, read, write, channels;
  std::vector<std::uint32_t> databases;
};

struct ReviewRow {
  std::string id;  // of grant and who: the same in the next review
  std::string grant, team, who, rule;
  std::vector<std::string> reach;      // in words, a line for each rule
  std::string limits;                  // when it ends by itself
  std::string granted_by, changed_by;  // from git; may be empty
  Uses used;
  std::vector<std::string> used_by;  // principals, the first kMostNamed
  std::uint64_t principals = 0;
  // What the reviewer fills in: keep, remove or change; change needs a comment.
  std::string decision, comment;
  int line = 0;  // of the worksheet it was read from
  static constexpr std::size_t kMostNamed = 10;
};

struct Review {
  std::string policy_version, policy_commit;
  std::string trail;  // which records its last column is made of
  std::uint64_t from_us = 0, to_us = 0;
  bool with_trail = false;
  std::vector<ReviewRow> rows;                       // by grant and who
  std::map<std::string, std::vector<Right>> rights;  // by grant
  // Of a signed one.
  std::string reviewer, signed_at, previous, key;
};

// Rows from a policy, then use from a trail record by record.
class Reviewer {
 public:
  explicit Reviewer(std::shared_ptr<const policy::Snapshot> snapshot);
  void add(const review::Record& record);
  [[nodiscard]] Review finish();

 private:
  struct Seen {
    Uses uses;
    std::set<std::string> people;
  };
  std::shared_ptr<const policy::Snapshot> snapshot_;
  review::UsageOf usage_;
  Review review_;
  std::vector<const policy::Who*> who_;  // of each row
  std::vector<Seen> seen_;
  std::set<std::string, std::less<>> break_glass_;  // grants
  std::map<std::pair<const review::Actor*, std::string>, std::vector<std::size_t>> known_;
};

// YAML with a comment on what to do. Reading it back gives the same review.
[[nodiscard]] std::string worksheet(const Review& review);
// Problems with file, line and column in `diagnostics`. Says nothing about a signature.
[[nodiscard]] Review read_worksheet(const std::string& file, const std::string& text,
                                    Diagnostics& diagnostics);
// What keeps it from being signed: rows without a decision, decisions that are none.
void check_finished(const std::string& file, const Review& review, Diagnostics& diagnostics);

struct Signing {
  std::string reviewer, at;  // "2026-11-22T08:15:00Z"
  std::string previous;      // SHA-256 of the signed review before; may be empty
};
// The worksheet with who signed it and a signature over all of it.
[[nodiscard]] std::string signed_worksheet(const std::string& text, const Signing& signing,
                                           const PrivateKey& key);
// The id of the key; an error says what does not hold.
[[nodiscard]] Result<std::string> check_signed(const std::string& text,
                                               const std::optional<PublicKey>& trusted);

// What is different since the last one, and what became of its decisions.
struct ReviewChange {
  std::string what;  // new, removed, widened, narrowed, changed, newly unused, used again
  std::string grant, who, detail;
};
struct Carried {
  std::string grant, who, decision, comment, outcome;
  bool done = false;
};
struct ReviewDiff {
  std::vector<ReviewChange> changes;
  std::vector<Carried> decisions;  // those that were not keep
};
[[nodiscard]] ReviewDiff compare(const Review& before, const Review& now);

[[nodiscard]] Document review_document(const Review& review, const ReviewDiff* diff);

}  // namespace keyward::report
