// The signature algorithms that may be allowed, and the check of a signature with OpenSSL.
#pragma once

#include "identity/openssl.h"

#include "keyward/identity/jwks.h"

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace keyward::identity {

struct Algorithm {
  std::string_view name, kty, crv;
  const char* digest;           // OpenSSL's name; null = the algorithm has its own
  std::size_t signature_bytes;  // fixed length; 0 = the length of the RSA modulus
  bool pss = false;
};
// Asymmetric ones only: there is no "none" and no HS*.
[[nodiscard]] std::span<const Algorithm> all_algorithms();
[[nodiscard]] const Algorithm* find_algorithm(std::string_view name);

[[nodiscard]] bool fits(const VerificationKey& key, const Algorithm& algorithm);

// A public key, made ready once: starting OpenSSL for a key and an algorithm costs 2 us, copying
// what was started much less. Immutable; shared between threads.
class PublicKey {
 public:
  explicit PublicKey(Owned<EVP_PKEY> key) : key_(std::move(key)) {}
  // False when OpenSSL cannot use the key so.
  [[nodiscard]] bool prepare(const Algorithm& algorithm);
  // False for an algorithm that was not prepared.
  [[nodiscard]] bool verifies(const Algorithm& algorithm, std::string_view text,
                              std::string_view signature) const;

 private:
  [[nodiscard]] bool start(const Algorithm& algorithm, EVP_MD_CTX& context,
                           const EVP_MD_CTX* prepared) const;
  Owned<EVP_PKEY> key_;
  std::vector<std::pair<const Algorithm*, Owned<EVP_MD_CTX>>> prepared_;
};

// Over the bytes as received: `text` is the token up to its last dot. The caller has checked that
// key and algorithm fit.
[[nodiscard]] bool signature_holds(const VerificationKey& key, const Algorithm& algorithm,
                                   std::string_view text, std::string_view signature);
// The signature as a JWS carries it, r||s for EC. Nothing when OpenSSL cannot sign.
[[nodiscard]] std::optional<std::string> make_signature(EVP_PKEY* key, const Algorithm& algorithm,
                                                        std::string_view text);

}  // namespace keyward::identity
