// Bytes <-> JSON strings with one code point below 256 a byte.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace keyward {

[[nodiscard]] std::optional<std::string> bytes_from_latin1(std::string_view utf8);
[[nodiscard]] std::string latin1_to_utf8(std::string_view bytes);

}  // namespace keyward
