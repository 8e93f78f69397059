// What a frame of a subscribed connection is: told from its first bytes.
#pragma once

#include "keyward/resp/writer.h"

#include <cstdint>
#include <optional>
#include <string_view>

namespace keyward::resp {

// Source: redis pubsub.c; in RESP3 pushes carry '>', in RESP2 all look like arrays.
enum class FrameKind : std::uint8_t { message, confirmation, answer, unknown_yet };
// `start` = the frame's first bytes; unknown_yet = more of them are needed.
[[nodiscard]] FrameKind frame_kind(std::string_view start, Protocol protocol);
// The first element of an array or push frame, "" when it is no bulk string; nullopt: more bytes
// are needed.
[[nodiscard]] std::optional<std::string_view> first_element(std::string_view frame);

}  // namespace keyward::resp
