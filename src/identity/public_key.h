// One JWK judged on its own (RFC 7517, 7518 section 6): a key that may verify, or the reason why
// not.
#pragma once

#include "keyward/identity/jwks.h"

#include <boost/json/value.hpp>

#include <string>
#include <variant>

namespace keyward::identity {

// The string is the reason.
[[nodiscard]] std::variant<VerificationKey, std::string> read_public_key(
    const boost::json::value& jwk);

}  // namespace keyward::identity
