// Text from records as it may stand in front of people: one line, nothing hidden, nothing obeyed.
#pragma once

#include <string>
#include <string_view>

namespace keyward::report {

// UTF-8. Control characters and bytes that are no UTF-8 as \xNN; marks of direction, characters
// without width and line separators as <U+202E>. Everything else as it is.
[[nodiscard]] std::string visible(std::string_view text);
// The same with newlines and tabs left alone, for a text of several lines.
[[nodiscard]] std::string visible_lines(std::string_view text);

}  // namespace keyward::report
