// Who claims which part of the keyspace: sets of names that patterns take in, compared exactly.
#pragma once

#include "policy/model.h"

#include "keyward/base/diagnostics.h"

#include <bitset>
#include <string_view>
#include <vector>

namespace keyward::policy {

// Names that begin so are kept for Keyward itself.
inline constexpr std::string_view kOwnKeys = "keyward:";

// A glob as steps over bytes. A template stands for whatever value it may take.
struct NameSet {
  struct Step {
    std::bitset<256> bytes;
    bool repeats = false;  // any number of them, none as well
  };
  std::vector<Step> steps;
  std::string head;  // what every name in it begins with
};

[[nodiscard]] NameSet names_of(const Pattern& pattern);
// Everything below a namespace, or what `pattern` takes in of it.
[[nodiscard]] NameSet names_below(const Pattern& name_space, const Pattern* pattern = nullptr);
// Some name is in both.
[[nodiscard]] bool overlap(const NameSet& a, const NameSet& b);

// It begins with "*", "?" or a wide class, and so leads into everybody's names.
[[nodiscard]] bool begins_anyhow(const NameSet& names);

// A filled glob leads to keys of Keyward's own, and not by beginning anyhow.
[[nodiscard]] bool reaches_own_keys(std::string_view glob);

// Errors: keys of Keyward's own in reach, namespaces and written patterns of one team that overlap
// those of another without `shared: true` in both grants. Warnings: grants that write every key
// beside the claims of other teams.
void check_territory(const std::vector<TeamModel>& teams, Diagnostics& diagnostics);

}  // namespace keyward::policy
