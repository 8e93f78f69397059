// Lists as people read them: "a, b", "0,1,3", "a b and 4 more".
#pragma once

#include <concepts>
#include <cstddef>
#include <string>
#include <string_view>

namespace keyward {

inline std::string text_of(std::string_view item) { return std::string(item); }
inline std::string text_of(std::integral auto item) { return std::to_string(item); }

// Texts or whole numbers with `between` in between; behind the first `most` only how many more.
template <class Items>
std::string joined(const Items& items, std::string_view between,
                   std::size_t most = static_cast<std::size_t>(-1)) {
  std::string out;
  std::size_t count = 0;
  for (const auto& item : items) {
    if (count++ >= most) continue;
    if (count > 1) out.append(between);
    out += text_of(item);
  }
  if (count > most) out += " and " + std::to_string(count - most) + " more";
  return out;
}

}  // namespace keyward
