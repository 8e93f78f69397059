// Members of JSON answers.
#pragma once

#include <boost/json/object.hpp>

#include <string>
#include <string_view>

namespace keyward {

// "" when it is absent or no string.
[[nodiscard]] inline std::string text_of(const boost::json::object& object, std::string_view name) {
  const boost::json::value* value = object.if_contains(name);
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : std::string();
}

}  // namespace keyward
