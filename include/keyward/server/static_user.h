// `lease: {mode: static}`: what the configuration must have for it, and what must be said about it.
#pragma once

#include "keyward/base/diagnostics.h"
#include "keyward/policy/snapshot.h"

#include <string>
#include <string_view>

namespace keyward::server {

// False, with the reason: a grant wants the static user and the configuration names none.
[[nodiscard]] bool has_static_user(const policy::Snapshot& policy, std::string_view static_user,
                                   Diagnostics& diagnostics);
// For the log and for /readyz; empty when no grant uses the static user.
[[nodiscard]] std::string static_user_note(const policy::Snapshot& policy,
                                           std::string_view static_user);

}  // namespace keyward::server
