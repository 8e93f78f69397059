// One JWK judged on its own (RFC 7517, 7518 section 6): a key that may verify, or the reason why
// not.
#pragma once

#include "identity/jose.h"

#include <string>
#include <variant>

namespace keyward::identity {

// The string is the reason.
[[nodiscard]] std::variant<VerificationKey, std::string> read_public_key(const json_t* jwk);

}  // namespace keyward::identity
