// Commands that wait in Redis, and where they say for how long. Source: the commands' JSON files of
// Redis 7.0.
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace keyward::agent {

struct WaitRequest {
  std::size_t index = 0;              // of the argument with the time
  bool milliseconds = false;          // else seconds, with a fraction
  std::chrono::milliseconds time{0};  // 0: for ever
};

// Nothing for what does not wait, for a time that is no number, and for what would be another
// request when it is asked again: XREAD from "$" means what comes after it was asked.
[[nodiscard]] std::optional<WaitRequest> read_wait(std::span<const std::string_view> args);
// The time as the argument says it; never 0, which is for ever.
[[nodiscard]] std::string wait_text(std::chrono::milliseconds time, bool milliseconds);

}  // namespace keyward::agent
