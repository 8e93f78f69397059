// How long to wait before the next attempt. Pure: the caller brings the random number.
#pragma once

#include "keyward/net/https_client.h"

#include <chrono>
#include <cstdint>

namespace keyward::forward {

// Doubles from `first` up to `most`; of that between half and all, so that many instances do not
// come at once. `attempt` counts from 0.
[[nodiscard]] std::chrono::milliseconds backoff(unsigned attempt, std::chrono::milliseconds first,
                                                std::chrono::milliseconds most,
                                                std::uint32_t random);

using net::retry_after;

}  // namespace keyward::forward
