// Where the chain's fields stand in a record, found without parsing JSON: at its beginning, or in
// records of commands and refusals behind the opening that they share.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace keyward::audit {

// No record is longer: names, lists and texts are bounded (redact.h, json_text.h).
inline constexpr std::size_t kLineLimit = std::size_t{1} << 20;

// In front of `prev`.
inline constexpr std::string_view kChainOpening = R"("unmapped":{"keyward":{"prev":")";
// How records of commands and refusals begin; all others with { and kChainOpening.
inline constexpr std::string_view kDataOpening =
    R"({"class_uid":6005,"category_uid":6,"severity_id":)";

struct LineHead {
  std::string_view prev;  // 64 lower-case hex digits
  std::uint64_t sequence = 0;
  std::uint64_t time_us = 0;
  std::string_view kind;
};

// Where `prev` begins in a line of ours, or in the beginning of one; nullopt when that is not
// there.
[[nodiscard]] std::optional<std::size_t> find_chain(std::string_view line);

// nullopt when the line is not a whole record of ours, as far as its two ends show.
[[nodiscard]] std::optional<LineHead> parse_head(std::string_view line);

}  // namespace keyward::audit
