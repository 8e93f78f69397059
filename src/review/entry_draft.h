// Groups the ways in which people use commands into allow entries: few, and each not much wider
// than what was seen.
#pragma once

#include "review/observed.h"

#include "keyward/command/catalog.h"
#include "keyward/command/command_set.h"

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace keyward::review {

struct PatternUse {
  std::uint8_t access = 0;
  command::CommandSet seen;  // commands that anybody of the grant was seen to use on it
  Distinct names;
};

// One allow entry to be.
struct EntryDraft {
  std::set<command::CommandId> commands;
  std::set<command::CommandId> called;  // of them: only because a script calls them
  std::map<std::string, PatternUse> keys;
  std::map<std::string, PatternUse> channels;
  std::uint64_t count = 0, last_us = 0;
  std::vector<const UseFacts*> examples;
};

// What one grant must allow. `subject` replaces {subject} in the patterns when it is not empty.
class EntryGrouping {
 public:
  EntryGrouping(const Observed& observed, const command::Catalog& catalog, std::string subject);

  void add(const Use& use, const UseFacts& facts);
  // Entries as narrow as they can be: one for each pattern, and one for each command with the
  // patterns that stand together in it. A pattern may stand in several.
  [[nodiscard]] std::vector<EntryDraft> entries() const;

 private:
  [[nodiscard]] EntryDraft draft_of(const Use& use, const UseFacts& facts) const;
  void add_scans(std::vector<EntryDraft>& out) const;

  const Observed& observed_;
  const command::Catalog& catalog_;
  std::string subject_;
  std::map<std::string, EntryDraft> single_;  // by kind and pattern
  std::vector<EntryDraft> several_;           // of one command each
  EntryDraft nameless_, scanning_;
};

// The share of a joined entry that nobody was seen to use, 0 to 1.
[[nodiscard]] double excess_of_joining(const EntryDraft& a, const EntryDraft& b);
void join(EntryDraft& into, const EntryDraft& from);
// Joins the two that cost least, again and again, while that costs at most `excess`.
void join_alike(std::vector<EntryDraft>& entries, double excess);
// Patterns that lie inside another one of the entry with the same access go.
void drop_contained(EntryDraft& entry);

}  // namespace keyward::review
