// Errors show the words that they are about. A mistyped AUTH is followed by a credential.
#pragma once

#include <string_view>

namespace keyward {

// Every JWT begins with `{"` in base64url; presigned requests with kw-aws-v1, passwords that were
// given out for a token with kwcp_.
[[nodiscard]] inline bool looks_like_credential(std::string_view word) {
  return word.starts_with("eyJ") || word.starts_with("kw-") || word.starts_with("kwcp_");
}

}  // namespace keyward
