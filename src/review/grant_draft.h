// Grants to be: which people act alike, who they are, in which databases, with which entries.
#pragma once

#include "review/entry_draft.h"
#include "review/observed.h"

#include "keyward/policy/snapshot.h"

#include <cstdint>
#include <string>
#include <vector>

namespace keyward::review {

struct GrantDraft {
  std::string name;
  std::vector<policy::Who> who;
  std::vector<std::string> notes;
  std::vector<std::uint32_t> databases;
  std::vector<EntryDraft> entries;
  std::vector<const Role*> roles;
  std::set<std::string> calls;  // of their scripts
  std::string only_subject;     // of the one person it is for; else empty
  std::uint64_t people = 0, commands = 0;
};

// People who act alike share a grant; databases that are used alike share one, too. Every pattern
// of `observed` is final: fold its shapes before.
[[nodiscard]] std::vector<GrantDraft> draft_grants(const Observed& observed,
                                                   const command::Catalog& catalog,
                                                   bool refused_too);

// Rights that leave no record of their own: to leave a channel, to call commands inside a script.
// For entries that are joined already.
void add_what_follows(GrantDraft& grant, const command::Catalog& catalog);

}  // namespace keyward::review
