// JSON from strangers: UTF-8 only, no duplicate members, no NUL, nothing after the value, bounded
// depth.
#pragma once

#include "identity/jose.h"

#include <boost/json/object.hpp>

#include <cstddef>
#include <string>
#include <string_view>

namespace keyward::identity {

// True when arrays and objects nest at most `limit` deep. Runs before the parser, so that the
// parser never recurses further.
[[nodiscard]] bool nests_within(std::string_view text, std::size_t limit);
// The object the whole text is, or null. What a compliant parser could read in two ways is refused.
[[nodiscard]] JsonPtr parse_object(std::string_view text, std::size_t depth);
// Member as bytes; null pointer data when absent or no string.
[[nodiscard]] std::string_view string_member(const json_t* object, const char* name);
[[nodiscard]] boost::json::object to_boost(const json_t* object);

}  // namespace keyward::identity
