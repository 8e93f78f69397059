// The canonical form of a policy file: keys in the order of the documentation, short lists on one
// line, one blank line between grants, commands sorted where their order means nothing. Every
// comment stays with what it is about; nothing that has a meaning changes.
#pragma once

#include "keyward/base/result.h"

#include <string>
#include <string_view>

namespace keyward::review {

// Errors: no YAML, or YAML that cannot be rewritten without risk (block text, aliases, tags); the
// message says where. A result was read again and held against `text`: same values, same comments,
// and formatting it once more changes nothing.
[[nodiscard]] Result<std::string> format_policy(const std::string& text);

// As `diff -u`, with three lines around each change; empty when the texts are equal.
[[nodiscard]] std::string unified_diff(std::string_view before, std::string_view after,
                                       const std::string& name);

}  // namespace keyward::review
