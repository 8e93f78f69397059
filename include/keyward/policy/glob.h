// Redis glob patterns: whether one matches, and conservative containment between them.
#pragma once

#include "keyward/base/glob.h"

#include <string_view>

namespace keyward::policy {

using keyward::glob_match;
// True only if everything that `inner` matches is matched by `outer`. May say false for
// containments it cannot see.
[[nodiscard]] bool glob_contains(std::string_view outer, std::string_view inner);

}  // namespace keyward::policy
