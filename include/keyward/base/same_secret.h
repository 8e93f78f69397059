// Whether two secrets are the same, in a time that tells of their lengths only.
#pragma once

#include <openssl/crypto.h>

#include <string_view>

namespace keyward {

[[nodiscard]] inline bool same_secret(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace keyward
