// A record of a checkpoints' stream in what a receiver stored: the line itself, or inside a syslog
// line, an event, a document or a text of JSON.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace keyward::audit {

// The lines as they stood in the trail, byte by byte. Empty: there is none.
[[nodiscard]] std::vector<std::string> copied_lines(std::string_view stored);

}  // namespace keyward::audit
