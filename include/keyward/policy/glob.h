// Redis glob patterns: match as util.c stringmatchlen does, and conservative containment between
// patterns.
#pragma once

#include <string_view>

namespace keyward::policy {

// Same answers as Redis's stringmatchlen(pattern, text, nocase = 0), in bounded time.
[[nodiscard]] bool glob_match(std::string_view pattern, std::string_view text);
// True only if everything that `inner` matches is matched by `outer`. May say false for
// containments it cannot see.
[[nodiscard]] bool glob_contains(std::string_view outer, std::string_view inner);

}  // namespace keyward::policy
