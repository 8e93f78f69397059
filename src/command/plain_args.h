// Which arguments hold neither a name nor data, so that a record may show them when they are numbers:
// lives, counts, ranges, timeouts. What an amount, a score or a member is, is data.
#pragma once

#include <cstdint>
#include <string_view>

namespace keyward::command {

// Bit i: argument i. Options and counts of keys are noted by analyse(), beside these.
[[nodiscard]] std::uint64_t plain_numbers_of(std::string_view command);

}  // namespace keyward::command
