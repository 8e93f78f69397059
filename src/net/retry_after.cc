#include "keyward/net/https_client.h"

#include <algorithm>
#include <charconv>
#include <ctime>
#include <string>

namespace keyward::net {

using std::chrono::milliseconds;

std::optional<milliseconds> retry_after(std::string_view header,
                                        std::chrono::system_clock::time_point now) {
  constexpr milliseconds kMost = std::chrono::hours(1);
  std::int64_t seconds = 0;
  const auto [end, failed] = std::from_chars(header.data(), header.data() + header.size(), seconds);
  if (failed == std::errc::result_out_of_range) return kMost;
  if (failed != std::errc() || end != header.data() + header.size()) {
    std::tm date{};
    const std::string text(header);
    const char* rest = ::strptime(text.c_str(), "%a, %d %b %Y %H:%M:%S GMT", &date);
    if (rest == nullptr || *rest != '\0') return std::nullopt;
    seconds = ::timegm(&date) - std::chrono::system_clock::to_time_t(now);
  }
  if (seconds >= 3600) return kMost;
  return milliseconds(std::max<std::int64_t>(seconds, 0) * 1000);
}

}  // namespace keyward::net
