// A presigned STS GetCallerIdentity request in the place of a token (docs/identity.md).
#pragma once

#include <string>
#include <string_view>

namespace keyward::identity {

inline constexpr std::string_view kStsPrefix = "kw-aws-v1.";
inline constexpr std::string_view kStsAudienceHeader = "x-keyward-audience";

// The prefix and the URL in base64url.
[[nodiscard]] std::string make_sts_token(std::string_view url);

}  // namespace keyward::identity
