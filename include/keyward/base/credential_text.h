// Errors show the words that they are about. A mistyped AUTH is followed by a credential.
#pragma once

#include <string_view>

namespace keyward {

// Every JWT begins with `{"` in base64url, and passwords of our own making begin with `kw-`.
[[nodiscard]] inline bool looks_like_credential(std::string_view word) {
  return word.starts_with("eyJ") || word.starts_with("kw-");
}

}  // namespace keyward
