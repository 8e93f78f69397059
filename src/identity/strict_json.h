// JSON from strangers: UTF-8 only, no duplicate members, no NUL, no integer beyond 64 bits, nothing
// after the value, bounded depth.
#pragma once

#include <boost/json/object.hpp>

#include <cstddef>
#include <optional>
#include <string_view>

namespace keyward::identity {

// The object the whole text is, arrays and objects nested at most `depth` deep, or nothing. What a
// compliant parser could read in two ways is refused.
[[nodiscard]] std::optional<boost::json::object> parse_object(std::string_view text,
                                                              std::size_t depth);
// Member as bytes; null pointer data when absent or no string.
[[nodiscard]] std::string_view string_member(const boost::json::object& object,
                                             std::string_view name);

}  // namespace keyward::identity
