// A word of a query that may be a glob.
#pragma once

#include <string>
#include <string_view>

namespace keyward::trail {

[[nodiscard]] inline bool is_glob(std::string_view word) {
  return word.find_first_of("*?[\\") != std::string_view::npos;
}

// What every text that the glob matches begins with.
[[nodiscard]] inline std::string literal_beginning(std::string_view glob) {
  std::string beginning;
  for (std::size_t at = 0; at < glob.size(); ++at) {
    if (glob[at] == '*' || glob[at] == '?' || glob[at] == '[') break;
    if (glob[at] == '\\' && at + 1 < glob.size()) ++at;
    beginning += glob[at];
  }
  return beginning;
}

}  // namespace keyward::trail
