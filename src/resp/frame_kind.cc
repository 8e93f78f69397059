#include "keyward/resp/frame_kind.h"

#include "keyward/base/ascii.h"

namespace keyward::resp {

std::optional<std::string_view> first_element(std::string_view frame) {
  const std::size_t head = frame.find("\r\n");
  if (head == std::string_view::npos) return std::nullopt;
  std::string_view rest = frame.substr(head + 2);
  const std::size_t length_end = rest.find("\r\n");
  if (length_end == std::string_view::npos) return std::nullopt;
  if (rest.empty() || rest[0] != '$') return std::string_view();
  std::size_t length = 0;
  for (const char c : rest.substr(1, length_end - 1)) {
    if (!is_digit(c) || length > 64) return std::string_view();
    length = length * 10 + static_cast<std::size_t>(c - '0');
  }
  rest.remove_prefix(length_end + 2);
  if (length > 64) return std::string_view();
  if (rest.size() < length) return std::nullopt;
  return rest.substr(0, length);
}

FrameKind frame_kind(std::string_view start, Protocol protocol) {
  if (start.empty()) return FrameKind::unknown_yet;
  const char type = protocol == Protocol::resp3 ? '>' : '*';
  if (start[0] != type) return FrameKind::answer;
  const auto word = first_element(start);
  if (!word) return FrameKind::unknown_yet;
  if (*word == "message" || *word == "pmessage" || *word == "smessage") return FrameKind::message;
  if (word->ends_with("subscribe")) return FrameKind::confirmation;
  // RESP3: any other push ("invalidate") is a message; RESP2: an array that is neither is the
  // answer to PING.
  return protocol == Protocol::resp3 ? FrameKind::message : FrameKind::answer;
}

}  // namespace keyward::resp
