// Groups the ways in which people use commands into allow entries: few, and each not much wider
// than what was seen.
#pragma once

#include "review/observed.h"

#include "keyward/command/catalog.h"

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace keyward::review {

struct PatternUse {
  std::uint8_t access = 0;
  std::set<command::CommandId> commands;  // seen with it
  Distinct names;
};

// One allow entry to be.
struct EntryDraft {
  std::set<command::CommandId> commands;
  std::map<std::string, PatternUse> keys;
  std::map<std::string, PatternUse> channels;
  std::uint64_t count = 0, last_us = 0;
  std::vector<const UseFacts*> examples;

  // Pairs of command and pattern that it allows, and how many of them were seen.
  [[nodiscard]] std::size_t cells() const;
  [[nodiscard]] std::size_t seen() const;
};

// What one grant must allow. `subject` replaces {subject} in the patterns when it is not empty.
class EntryGrouping {
 public:
  EntryGrouping(const Observed& observed, const command::Catalog& catalog, std::string subject);

  void add(const Use& use, const UseFacts& facts);
  // Entries as fine as the commands with several names leave them.
  [[nodiscard]] std::vector<EntryDraft> entries() const;

 private:
  [[nodiscard]] EntryDraft draft_of(const Use& use, const UseFacts& facts) const;

  const Observed& observed_;
  const command::Catalog& catalog_;
  std::string subject_;
  std::vector<EntryDraft> families_;  // no pattern stands in two
  EntryDraft nameless_, scanning_;
};

// The share of a joined entry that nobody was seen to use, 0 to 1.
[[nodiscard]] double excess_of_joining(const EntryDraft& a, const EntryDraft& b);
void join(EntryDraft& into, const EntryDraft& from);
// Joins the two that cost least while that costs at most `excess`.
void join_alike(std::vector<EntryDraft>& entries, double excess);
// Patterns that lie inside another one of the entry with the same access go.
void drop_contained(EntryDraft& entry);

}  // namespace keyward::review
