// Rows for people, in columns.
#pragma once

#include <string>
#include <vector>

namespace keyward::cli {

// The first row is the heading. Control characters of what others named are shown, not obeyed.
[[nodiscard]] std::string table(const std::vector<std::vector<std::string>>& rows);

}  // namespace keyward::cli
