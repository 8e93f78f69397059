// Makes Grants of the grant models that match a principal.
#pragma once

#include "policy/model.h"

namespace keyward::policy {

struct Parts {
  std::vector<Entry> entries;
  std::vector<std::uint32_t> databases;
  Limits limits;
  AuditSettings audit;
  std::vector<std::string> names;
  std::vector<Contact> contacts;
  std::vector<std::string> notes;
  std::string name_space;
  std::vector<std::string> safe_scripts;
  std::vector<std::string> info_sections;
  LeaseSettings lease;
  bool break_glass = false;
  std::vector<Cause> causes, closed;  // sources of triggers: Grants says what they are
};

// Entries in the order of the grants, templates filled in, databases joined, limits the most
// generous. `principal` null: example values. Errors: a template that has no usable value.
[[nodiscard]] Result<Parts> assemble(const std::vector<const GrantModel*>& grants,
                                     const identity::Principal* principal,
                                     const command::Catalog& catalog,
                                     const std::vector<TriggerRule>& triggers = {});

// What the parts depend on: the names of the grants and every filled template. Much cheaper than
// the parts. Errors as assemble().
[[nodiscard]] Result<std::string> parts_key(const std::vector<const GrantModel*>& grants,
                                            const identity::Principal* principal);

// Equal for equal rights: entries, databases and limits, whoever has them and wherever they are
// written.
[[nodiscard]] std::string rights_id(const Parts& parts, const command::Catalog& catalog);

}  // namespace keyward::policy
