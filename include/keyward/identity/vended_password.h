// The form of what POST /v1/credentials gives out. A password names its record, so that a client
// that can say no user name logs in by it alone. Pure.
#pragma once

#include "keyward/base/secret.h"

#include <optional>
#include <string>
#include <string_view>

namespace keyward::identity {

inline constexpr std::string_view kProxyUsers = "kwc_";   // good at the proxy
inline constexpr std::string_view kDirectUsers = "kwd_";  // users of Redis

// "kwc_" or "kwd_" and 96 random bits in hex.
[[nodiscard]] std::string new_vended_user(std::string_view prefix);
// Of a user of the proxy "kwc_<id>": "kwcp_<id>_" and 256 random bits in hex.
[[nodiscard]] Secret new_vended_password(std::string_view user);
// Both by their form alone.
[[nodiscard]] bool is_vended_user(std::string_view text, std::string_view prefix);
// The user that a password of the proxy belongs to; nothing for any other text.
[[nodiscard]] std::optional<std::string> vended_user_of(std::string_view password);

}  // namespace keyward::identity
