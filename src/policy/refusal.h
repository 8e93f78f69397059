// Words for a Denial: what was refused and whom to ask, for the client that was refused.
#pragma once

#include "keyward/policy/grants.h"

namespace keyward::policy {

struct Nearest {
  const Entry* entry = nullptr;  // that came closest
  std::uint32_t arg = 0;         // that did not fit; 0 = none in particular
};

// Tells only of the grants the principal has; names arguments by position, never by value.
[[nodiscard]] Denial refuse(DenialReason reason, const command::Command& command,
                            const Nearest& nearest, const Grants& grants);

}  // namespace keyward::policy
