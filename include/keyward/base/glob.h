// Redis glob patterns.
#pragma once

#include <string_view>

namespace keyward {

// Same answers as Redis's stringmatchlen(pattern, text, nocase = 0) in util.c, in bounded time.
[[nodiscard]] bool glob_match(std::string_view pattern, std::string_view text);

}  // namespace keyward
