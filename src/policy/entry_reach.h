// How far an entry reaches as it is written, and what is wrong with that.
#pragma once

#include "policy/model.h"

#include "keyward/base/yaml.h"
#include "keyward/command/catalog.h"

namespace keyward::policy {

// A pattern of the entry is "*" and has that access. Under a namespace that is every key of the
// namespace only.
[[nodiscard]] bool has_every_key(const EntryModel& entry, std::uint8_t access);

// Commands that reach further than the patterns beside them seem to say, that could never pass, or
// that nobody should be given together with every key.
void check_reach(const yaml::Node& node, const EntryModel& entry, const GrantModel& grant,
                 const command::Catalog& catalog);

}  // namespace keyward::policy
