// How long to wait before the next attempt. Pure: the caller brings the random number.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>

namespace keyward::forward {

// Doubles from `first` up to `most`; of that between half and all, so that many instances do not
// come at once. `attempt` counts from 0.
[[nodiscard]] std::chrono::milliseconds backoff(unsigned attempt, std::chrono::milliseconds first,
                                                std::chrono::milliseconds most,
                                                std::uint32_t random);

// Retry-After (RFC 9110, 10.2.3): seconds or a date. At most an hour; nullopt when it is neither.
[[nodiscard]] std::optional<std::chrono::milliseconds> retry_after(
    std::string_view header, std::chrono::system_clock::time_point now);

}  // namespace keyward::forward
