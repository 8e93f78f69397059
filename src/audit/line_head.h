// The fixed opening of a record, read without parsing JSON.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace keyward::audit {

// No record is longer: names, lists and texts are bounded (redact.h, json_text.h).
inline constexpr std::size_t kLineLimit = std::size_t{1} << 20;

struct LineHead {
  std::string_view prev;  // 64 lower-case hex digits
  std::uint64_t sequence = 0;
  std::uint64_t time_us = 0;
  std::string_view kind;
};

// nullopt when the line is not a whole record of ours, as far as its two ends show.
[[nodiscard]] std::optional<LineHead> parse_head(std::string_view line);

}  // namespace keyward::audit
