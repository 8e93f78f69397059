// The signing side of an issuer for development: makes a key, writes it down, signs tokens.
#pragma once

#include "keyward/base/result.h"
#include "keyward/base/secret.h"

#include <boost/json/object.hpp>
#include <openssl/types.h>

#include <memory>
#include <string>
#include <string_view>

namespace keyward::identity {

// A private signing key with its key id. Never printed; leaves the process only through save().
class SigningKey {
 public:
  [[nodiscard]] static Result<SigningKey> generate();                   // ES256, random kid
  [[nodiscard]] static Result<SigningKey> parse(std::string_view jwk);  // a private EC or RSA JWK
  [[nodiscard]] static Result<SigningKey> load(
      const std::string& path);  // refuses files others can read

  // A private JWK, mode 0600, replaced in one step.
  [[nodiscard]] Result<void> save(const std::string& path) const;
  // {"keys":[...]} with the public half.
  [[nodiscard]] std::string public_jwks() const;
  [[nodiscard]] Result<void> save_public_jwks(const std::string& path) const;  // mode 0644
  // A compact JWS over exactly these claims.
  [[nodiscard]] Result<Secret> sign(const boost::json::object& claims,
                                    std::string_view typ = "at+jwt") const;
  [[nodiscard]] const std::string& kid() const { return kid_; }
  [[nodiscard]] const std::string& alg() const { return alg_; }

 private:
  SigningKey() = default;
  std::string kid_, alg_;
  std::shared_ptr<EVP_PKEY> key_;
};

}  // namespace keyward::identity
