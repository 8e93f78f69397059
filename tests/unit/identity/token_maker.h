// Keys, tokens and key sets for tests, made with OpenSSL alone, so that the code under test does
// not check itself.
#pragma once

#include "identity/jwt.h"

#include "keyward/base/hash.h"
#include "keyward/identity/authenticator.h"
#include "keyward/identity/jwks.h"

#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace keyward::identity::testing {

namespace json = boost::json;

inline constexpr std::int64_t kNow = 1'800'000'000;
inline WallTime at_second(std::int64_t second) { return WallTime(std::chrono::seconds(second)); }

inline void require(bool good) {
  if (!good) throw std::runtime_error("OpenSSL refused in a test helper");
}

class TestKey {
 public:
  static TestKey ec(const char* curve, std::string kid) {
    return TestKey(EVP_EC_gen(curve), std::move(kid), curve);
  }
  static TestKey rsa(unsigned bits, std::string kid) {
    return TestKey(EVP_RSA_gen(bits), std::move(kid), "");
  }

  // The public JWK as an object; tests edit it before they publish it.
  [[nodiscard]] json::object jwk() const {
    json::object jwk;
    jwk["kid"] = kid;
    if (curve_.empty()) {
      jwk["kty"] = "RSA";
      jwk["n"] = base64url_encode(number(OSSL_PKEY_PARAM_RSA_N, 0));
      jwk["e"] = base64url_encode(number(OSSL_PKEY_PARAM_RSA_E, 0));
    } else {
      jwk["kty"] = "EC";
      jwk["crv"] = curve_;
      jwk["x"] = base64url_encode(number(OSSL_PKEY_PARAM_EC_PUB_X, coordinate()));
      jwk["y"] = base64url_encode(number(OSSL_PKEY_PARAM_EC_PUB_Y, coordinate()));
    }
    return jwk;
  }
  [[nodiscard]] std::string number(const char* name, std::size_t width) const {
    BIGNUM* raw = nullptr;
    require(EVP_PKEY_get_bn_param(key_.get(), name, &raw) == 1);
    const std::unique_ptr<BIGNUM, decltype(&BN_free)> value(raw, &BN_free);
    if (width == 0) width = static_cast<std::size_t>(BN_num_bytes(raw));
    std::string bytes(width, '\0');
    require(BN_bn2binpad(raw, data(bytes), static_cast<int>(width)) >= 0);
    return bytes;
  }
  [[nodiscard]] EVP_PKEY* get() const { return key_.get(); }
  [[nodiscard]] std::size_t coordinate() const {
    return curve_ == "P-256" ? 32 : curve_ == "P-384" ? 48 : 66;
  }

  // As JWS wants it: r||s for EC.
  [[nodiscard]] std::string sign(std::string_view alg, std::string_view input) const {
    const std::string der = sign_der(alg, input);
    return curve_.empty() ? der : raw_signature(der);
  }
  [[nodiscard]] std::string sign_der(std::string_view alg, std::string_view input,
                                     int salt = RSA_PSS_SALTLEN_DIGEST) const {
    const EVP_MD* digest = alg.ends_with("512")   ? EVP_sha512()
                           : alg.ends_with("384") ? EVP_sha384()
                                                  : EVP_sha256();
    const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(),
                                                                          &EVP_MD_CTX_free);
    EVP_PKEY_CTX* options = nullptr;
    require(EVP_DigestSignInit(context.get(), &options, digest, nullptr, key_.get()) == 1);
    if (alg.starts_with("PS")) {
      require(EVP_PKEY_CTX_set_rsa_padding(options, RSA_PKCS1_PSS_PADDING) == 1);
      require(EVP_PKEY_CTX_set_rsa_pss_saltlen(options, salt) == 1);
    }
    std::size_t size = 0;
    const auto* const bytes = reinterpret_cast<const unsigned char*>(input.data());
    require(EVP_DigestSign(context.get(), nullptr, &size, bytes, input.size()) == 1);
    std::string signature(size, '\0');
    require(EVP_DigestSign(context.get(), data(signature), &size, bytes, input.size()) == 1);
    signature.resize(size);
    return signature;
  }
  [[nodiscard]] std::string raw_signature(const std::string& der) const {
    const auto* from = reinterpret_cast<const unsigned char*>(der.data());
    const std::unique_ptr<ECDSA_SIG, decltype(&ECDSA_SIG_free)> pair(
        d2i_ECDSA_SIG(nullptr, &from, static_cast<long>(der.size())), &ECDSA_SIG_free);
    require(pair != nullptr);
    std::string raw(2 * coordinate(), '\0');
    const int width = static_cast<int>(coordinate());
    require(BN_bn2binpad(ECDSA_SIG_get0_r(pair.get()), data(raw), width) == width);
    require(BN_bn2binpad(ECDSA_SIG_get0_s(pair.get()), data(raw) + width, width) == width);
    return raw;
  }

  std::string kid;

 private:
  TestKey(EVP_PKEY* key, std::string name, std::string curve)
      : kid(std::move(name)), key_(key, &EVP_PKEY_free), curve_(std::move(curve)) {
    require(key != nullptr);
  }
  static unsigned char* data(std::string& text) {
    return reinterpret_cast<unsigned char*>(text.data());
  }
  std::shared_ptr<EVP_PKEY> key_;
  std::string curve_;
};

// Made once per process: RSA keys take their time.
inline const TestKey& ec_key() {
  static const TestKey key = TestKey::ec("P-256", "ec-1");
  return key;
}
inline const TestKey& other_ec_key() {
  static const TestKey key = TestKey::ec("P-256", "ec-2");
  return key;
}
inline const TestKey& rsa_key() {
  static const TestKey key = TestKey::rsa(2048, "rsa-1");
  return key;
}

inline std::string jwks_text(const std::vector<json::object>& keys) {
  json::array list(keys.begin(), keys.end());
  return json::serialize(json::object{{"keys", list}});
}
inline std::shared_ptr<const KeySet> key_set(const std::vector<json::object>& keys) {
  auto parsed = KeySet::parse(jwks_text(keys));
  require(parsed.has_value());
  return *parsed;
}
inline std::shared_ptr<const KeySet> usual_keys() {
  static const auto keys = key_set({ec_key().jwk(), rsa_key().jwk()});
  return keys;
}

inline std::string header_text(std::string_view alg, std::string_view kid,
                               std::string_view typ = "JWT") {
  json::object header{{"alg", alg}};
  if (!typ.empty()) header["typ"] = typ;
  if (!kid.empty()) header["kid"] = kid;
  return json::serialize(header);
}
inline json::object usual_claims() {
  return {{"iss", "https://issuer.example"},
          {"sub", "alice"},
          {"aud", "keyward"},
          {"iat", kNow},
          {"exp", kNow + 3600},
          {"jti", "id-1"},
          {"groups", {"team-a", "team-b"}}};
}
// Any texts, also such as no issuer would make.
inline std::string signed_token(const TestKey& key, std::string_view alg, std::string_view header,
                                std::string_view payload) {
  const std::string input = base64url_encode(header) + "." + base64url_encode(payload);
  return input + "." + base64url_encode(key.sign(alg, input));
}
inline std::string token_of(const json::object& claims, const TestKey& key = ec_key(),
                            std::string_view alg = "ES256", std::string_view typ = "JWT") {
  return signed_token(key, alg, header_text(alg, key.kid, typ), json::serialize(claims));
}
inline std::string token_with_header(std::string_view header) {
  return signed_token(ec_key(), "ES256", header, json::serialize(usual_claims()));
}
inline std::string token_with_payload(std::string_view payload) {
  return signed_token(ec_key(), "ES256", header_text("ES256", "ec-1"), payload);
}
// The usual claims with some set; a null value removes the claim.
inline json::object claims_with(const json::object& changes) {
  json::object claims = usual_claims();
  for (const auto& change : changes) {
    if (change.value().is_null()) {
      claims.erase(change.key());
    } else {
      claims[change.key()] = change.value();
    }
  }
  return claims;
}
// As claims_with, but the value is JSON text, for numbers that a builder would not write.
inline std::string payload_with(std::string_view name, std::string_view value) {
  std::string text = json::serialize(claims_with({{name, nullptr}}));
  text.pop_back();
  return text + ",\"" + std::string(name) + "\":" + std::string(value) + "}";
}

inline IssuerConfig usual_rules() {
  IssuerConfig rules;
  rules.alias = "main";
  rules.issuer = "https://issuer.example";
  rules.audiences = {"keyward"};
  return rules;
}

// "" when accepted, else the reason; "unknown_key" for a key that is not in the set.
inline std::string reason_of(const Outcome& outcome) {
  if (const auto* rejected = std::get_if<Rejected>(&outcome)) return std::string(rejected->reason);
  return std::holds_alternative<KeyUnknown>(outcome) ? "unknown_key" : "";
}
inline std::string judge(std::string_view token, const IssuerConfig& rules = usual_rules(),
                         std::int64_t now = kNow) {
  return reason_of(validate(token, *usual_keys(), rules, at_second(now)));
}
inline std::string judge_claims_of(const json::object& claims,
                                   const IssuerConfig& rules = usual_rules()) {
  return judge(token_of(claims), rules);
}
inline Accepted accept(std::string_view token, const IssuerConfig& rules = usual_rules(),
                       std::int64_t now = kNow) {
  Outcome outcome = validate(token, *usual_keys(), rules, at_second(now));
  if (auto* accepted = std::get_if<Accepted>(&outcome)) return std::move(*accepted);
  throw std::runtime_error("token refused: " + reason_of(outcome));
}

}  // namespace keyward::identity::testing
