// OpenSSL keys from the numbers of a JWK (RFC 7518 section 6), and the numbers of such keys.
#pragma once

#include "identity/openssl.h"

#include <boost/json/object.hpp>

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace keyward::identity {

inline constexpr std::size_t kMaxModulusBytes =
    1024;  // 8192 bits: a larger one costs milliseconds per login

struct Curve {
  const char* name;  // in JOSE and in OpenSSL
  std::size_t coordinate_bytes;
};
[[nodiscard]] const Curve* find_curve(std::string_view name);

// Bytes of a base64url member; nothing when it is absent, empty, longer than any key needs or no
// base64url.
[[nodiscard]] std::optional<std::string> binary_member(const boost::json::object& jwk,
                                                       std::string_view name);

// `d` empty = a public key. Null when the point is not on the curve; x and y have the full length
// of a coordinate.
[[nodiscard]] Owned<EVP_PKEY> make_ec_key(const Curve& curve, std::string_view x,
                                          std::string_view y, std::string_view d = {});

struct RsaNumber {
  const char* name;  // OSSL_PKEY_PARAM_RSA_...
  std::string bytes;
};
// Public when there is no number but n and e. Null when OpenSSL refuses them.
[[nodiscard]] Owned<EVP_PKEY> make_rsa_key(std::span<const RsaNumber> numbers);

// OSSL_PKEY_PARAM_... `width` bytes wide, 0 = as short as it is. Nothing when the key has none.
[[nodiscard]] std::optional<std::string> number_of(const EVP_PKEY* key, const char* name,
                                                   std::size_t width);

}  // namespace keyward::identity
