// The words of an inline request, by the quoting rules of Redis (sds.c sdssplitargs).
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace keyward::resp {

enum class Words { good, unbalanced, too_many, has_nul };

// Word i is text[ends[i-1], ends[i]) with its quotes and escapes undone. `line` is without its line
// end.
[[nodiscard]] Words split_words(std::string_view line, std::size_t most, std::string& text,
                                std::vector<std::size_t>& ends);

}  // namespace keyward::resp
