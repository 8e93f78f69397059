// SHA-256, SHA-1 as a name, hex and base64url over OpenSSL.
#pragma once

#include "keyward/base/result.h"

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace keyward {

using Digest = std::array<std::uint8_t, 32>;

[[nodiscard]] Digest sha256(std::string_view bytes);
[[nodiscard]] std::string hex(std::string_view bytes);
[[nodiscard]] std::string hex(const Digest& digest);
// Of lower-case digits, as hex() writes them; nullopt for anything else.
[[nodiscard]] std::optional<std::string> unhex(std::string_view text);
// Lower-case hex of the first `digits` half-bytes of SHA-256(bytes).
[[nodiscard]] std::string short_hash(std::string_view bytes, std::size_t digits);
// Lower-case hex; Redis's own name for a script, nothing that security may rest on by itself.
[[nodiscard]] std::string sha1_hex(std::string_view bytes);
// RFC 4648, section 4, with padding.
[[nodiscard]] std::string base64_encode(std::string_view bytes);
[[nodiscard]] std::string base64url_encode(std::string_view bytes);
// Strict RFC 7515 base64url: no padding, no white space, canonical trailing bits.
[[nodiscard]] std::optional<std::string> base64url_decode(std::string_view text);
// `count` bytes from the system's generator; ends the process when there is none.
[[nodiscard]] std::string random_bytes(std::size_t count);

}  // namespace keyward
