// Owners for the C objects of cjose and jansson, and the signature algorithms that may be allowed.
#pragma once

#include "keyward/identity/jwks.h"

#include <cjose/cjose.h>
#include <jansson.h>

#include <cstddef>
#include <memory>
#include <string_view>

namespace keyward::identity {

struct JsonRelease {
  void operator()(json_t* json) const { json_decref(json); }
};
using JsonPtr = std::unique_ptr<json_t, JsonRelease>;

struct JwkRelease {
  void operator()(cjose_jwk_t* jwk) const { cjose_jwk_release(jwk); }
};
using JwkPtr = std::unique_ptr<cjose_jwk_t, JwkRelease>;

struct JwsRelease {
  void operator()(cjose_jws_t* jws) const { cjose_jws_release(jws); }
};
using JwsPtr = std::unique_ptr<cjose_jws_t, JwsRelease>;

struct JoseHeaderRelease {
  void operator()(cjose_header_t* header) const { cjose_header_release(header); }
};
using JoseHeaderPtr = std::unique_ptr<cjose_header_t, JoseHeaderRelease>;

// cjose counts references without atomics: this one object owns the only reference.
struct JoseKey {
  JwkPtr jwk;
};

struct Algorithm {
  std::string_view name, kty, crv;
  std::size_t signature_bytes;  // fixed length of r||s; 0 = the length of the RSA modulus
};
// Asymmetric algorithms cjose can verify; null for everything else, above all "none" and HS*.
[[nodiscard]] const Algorithm* find_algorithm(std::string_view name);

[[nodiscard]] bool fits(const VerificationKey& key, const Algorithm& algorithm);

// Over the bytes as received. The caller has checked structure, algorithm and key.
[[nodiscard]] bool signature_holds(const VerificationKey& key, const Algorithm& algorithm,
                                   std::string_view token, std::string_view signature);

}  // namespace keyward::identity
