// Keys for different purposes made of one secret, so that none says anything of another.
#pragma once

#include "keyward/base/secret.h"

#include <string_view>

namespace keyward {

// 32 bytes of HKDF-SHA-256 (RFC 5869, no salt) with `purpose` as info. Another purpose, or another
// form of what the key protects, takes another text. Ends the process when OpenSSL cannot.
[[nodiscard]] Secret derive_key(const Secret& secret, std::string_view purpose);

}  // namespace keyward
