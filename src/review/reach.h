// What grants let somebody do, command by command: the unit that folders are compared in.
#pragma once

#include "keyward/policy/grants.h"
#include "keyward/review/diff.h"

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace keyward::review {

// One command on one pattern in one database.
struct Atom {
  ReachChange::On on = ReachChange::On::nothing;
  std::string pattern;
  std::uint8_t access = 0;  // as far as the command can make use of it
  std::uint32_t db = 0;
  const policy::RuleRef* rule = nullptr;
};

using Reach = std::map<command::CommandId, std::vector<Atom>>;

// Of everything that is granted for good: what only `mode: observe` lets pass is none of it.
void add_reach(const policy::Grants& grants, const command::Catalog& catalog, Reach& out);
// Whatever `inner` allows, `outer` does.
[[nodiscard]] bool covers(const Atom& outer, const Atom& inner);
// What somebody with `to` may do beyond somebody with `from`; as gains, or with `lost` as losses.
[[nodiscard]] std::vector<ReachChange> beyond(const Reach& from, const Reach& to,
                                              const command::Catalog& catalog, bool lost);

// Channels are what it is about: PUBLISH, SUBSCRIBE and their kin.
[[nodiscard]] bool uses_channels(const command::CommandInfo& info);
// A pattern with this access is of use to the command: some key of it needs no more.
[[nodiscard]] bool of_use(const command::CommandInfo& info, std::uint8_t access);
// What of a key the command may need at most.
[[nodiscard]] std::uint8_t access_of(const command::CommandInfo& info);

}  // namespace keyward::review
