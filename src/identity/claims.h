// Reading verified claims: dotted paths, numeric dates, text rules, groups, exact requirements.
#pragma once

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace keyward::identity {

inline constexpr std::size_t kMaxName = 255;
inline constexpr std::size_t kMaxGroups = 512;

// The value at a dotted path, or null. Claim names may hold dots themselves ("kubernetes.io",
// "https://example.com/roles"): at each level the longest member name that is present decides.
[[nodiscard]] const boost::json::value* find_claim(const boost::json::object& claims,
                                                   std::string_view path);
// As find_claim(), but text only.
[[nodiscard]] std::optional<std::string_view> text_claim(const boost::json::object& claims,
                                                         std::string_view path);
// RFC 7519 NumericDate as whole seconds, fractions cut off; nothing for strings, negatives and
// numbers above 2^53.
[[nodiscard]] std::optional<std::int64_t> numeric_date(const boost::json::value& value);
// 1 to 255 bytes without control characters: fit to name somebody.
[[nodiscard]] bool is_name(std::string_view text);
// An array of names, or a string of names between spaces. Nothing when it is anything else or too
// long.
[[nodiscard]] std::optional<std::vector<std::string>> read_groups(const boost::json::value& value);
// Whole value equal, or one element of an array equal; `scope` and `scp` strings are lists between
// spaces (RFC 6749, 3.3).
[[nodiscard]] bool claim_equals(const boost::json::object& claims, std::string_view path,
                                std::string_view wanted);

}  // namespace keyward::identity
