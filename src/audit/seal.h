// The hash a stop record carries of itself. Every other record is vouched for by the next one; the
// last of a stream has none, so that without this a bit that rots in it would stay unseen. It
// proves nothing against someone who can compute.
#pragma once

#include <span>
#include <string_view>

namespace keyward::audit {

// For unmapped.keyward of the stop record, to be filled by seal().
[[nodiscard]] std::string_view open_seal();

// Fills the open seal of the line.
void seal(std::span<char> line);

[[nodiscard]] bool sealed(std::string_view line);

}  // namespace keyward::audit
