// The process's log: spdlog to standard error, set up once, no secrets in it.
#pragma once

#include <spdlog/spdlog.h>

#include <string>
#include <string_view>

namespace keyward::log {

// Level is one of trace debug info warn error; json = one JSON object a line.
void setup(std::string_view level, bool json);
// Bytes as printable text: control characters and non-ASCII as \xNN, at most `limit` input bytes,
// then "...".
[[nodiscard]] std::string printable(std::string_view bytes, std::size_t limit = 128);

}  // namespace keyward::log
