// Answers of the API: JSON pages, and values as they stand in them.
#pragma once

#include "admin/pages.h"

#include "keyward/base/clock.h"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace keyward::admin {

[[nodiscard]] Page page_of(unsigned status, const boost::json::object& body);
// {"ok": false, "error": what}
[[nodiscard]] Page refusal(unsigned status, std::string_view what);
// RFC 3339, UTC, microseconds.
[[nodiscard]] std::string time_text(WallTime time);
[[nodiscard]] boost::json::array list(const std::vector<std::string>& texts);

}  // namespace keyward::admin
