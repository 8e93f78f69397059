// Times of records as texts, and back.
#pragma once

#include "keyward/base/clock.h"
#include "keyward/base/result.h"

#include <cstdint>
#include <string>
#include <string_view>

namespace keyward::trail {

// RFC 3339 in UTC with microseconds: 2027-01-15T08:00:00.123456Z.
[[nodiscard]] std::string time_text(std::uint64_t time_us);
[[nodiscard]] std::string milliseconds_text(std::uint64_t time_ms);  // ...00.123Z

// Microseconds since 1970. `text` is RFC 3339 (2026-01-01, 2026-01-01T08:00, with seconds,
// fractions, Z or an offset; UTC without one; a blank in place of T), or how long before `now`:
// -24h, -90s, -15m, -7d, -2w. Errors: anything else, with what can be written.
[[nodiscard]] Result<std::uint64_t> parse_time(std::string_view text, WallTime now);

}  // namespace keyward::trail
