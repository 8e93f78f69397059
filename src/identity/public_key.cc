#include "identity/public_key.h"

#include "identity/jose.h"
#include "identity/key_numbers.h"
#include "identity/strict_json.h"

#include "keyward/base/hash.h"

#include <boost/json/array.hpp>
#include <openssl/core_names.h>

#include <algorithm>
#include <array>
#include <memory>
#include <utility>

namespace keyward::identity {

namespace {

namespace json = boost::json;

constexpr std::size_t kMaxKid = 512;
constexpr int kMinModulusBits = 2048;  // RFC 7518 section 3.3
constexpr std::size_t kMaxExponentBytes =
    4;  // a long exponent makes every verification as slow as signing

using Judged = std::variant<VerificationKey, std::string>;

// What the key says it is for (RFC 7517 sections 4.2 to 4.4). Empty = it may verify.
std::string unfit_purpose(const json::object& jwk) {
  for (const char* name : {"kty", "kid", "use", "alg"}) {
    const json::value* const member = jwk.if_contains(name);
    if (member != nullptr && !member->is_string()) return std::string(name) + " is no string";
  }
  if (string_member(jwk, "kid").size() > kMaxKid) return "kid is too long";
  for (const char* name : {"d", "p", "q", "dp", "dq", "qi", "oth", "k"}) {
    if (jwk.contains(name)) return "holds private or symmetric key material";
  }
  if (jwk.contains("use") && string_member(jwk, "use") != "sig") return "use is not sig";
  const json::value* const operations = jwk.if_contains("key_ops");
  if (operations == nullptr) return {};
  const json::array* const list = operations->if_array();
  if (list == nullptr) return "key_ops is no array";
  const bool may_verify = std::any_of(list->begin(), list->end(), [](const json::value& one) {
    return one.is_string() && one.get_string() == "verify";
  });
  return may_verify ? "" : "key_ops has no verify";
}

// Ready for every algorithm that its kind and its own restriction leave.
Judged prepared(VerificationKey key, Owned<EVP_PKEY> numbers) {
  auto ready = std::make_shared<PublicKey>(std::move(numbers));
  for (const Algorithm& algorithm : all_algorithms()) {
    if (fits(key, algorithm) && !ready->prepare(algorithm)) return "the key cannot be used";
  }
  key.key = std::move(ready);
  return key;
}

Judged read_rsa(const json::object& jwk, VerificationKey key) {
  auto modulus = binary_member(jwk, "n");
  auto exponent = binary_member(jwk, "e");
  if (!modulus || !exponent) return "n or e is missing or no base64url";
  modulus->erase(0, std::min(modulus->find_first_not_of('\0'), modulus->size()));
  exponent->erase(0, std::min(exponent->find_first_not_of('\0'), exponent->size()));
  // Sizes come before any arithmetic.
  if (modulus->size() > kMaxModulusBytes) return "RSA modulus above 8192 bits";
  if (exponent->size() > kMaxExponentBytes) return "RSA exponent above 32 bits";
  const Owned<BIGNUM> n(BN_bin2bn(bytes_of(*modulus), static_cast<int>(modulus->size()), nullptr));
  const Owned<BIGNUM> e(
      BN_bin2bn(bytes_of(*exponent), static_cast<int>(exponent->size()), nullptr));
  if (!n || !e) return "out of memory";
  if (BN_num_bits(n.get()) < kMinModulusBits) return "RSA modulus below 2048 bits";
  if (BN_is_odd(n.get()) == 0) return "RSA modulus is even";
  if (BN_is_odd(e.get()) == 0 || BN_is_one(e.get()) != 0) return "RSA exponent is even or 1";

  key.thumbprint = sha256("RSA|" + hex(*exponent) + "|" + hex(*modulus));
  const std::array<RsaNumber, 2> numbers{{{OSSL_PKEY_PARAM_RSA_N, std::move(*modulus)},
                                          {OSSL_PKEY_PARAM_RSA_E, std::move(*exponent)}}};
  Owned<EVP_PKEY> made = make_rsa_key(numbers);
  if (!made) return "RSA key refused";
  return prepared(std::move(key), std::move(made));
}

Judged read_ec(const json::object& jwk, VerificationKey key) {
  const Curve* const curve = find_curve(string_member(jwk, "crv"));
  if (curve == nullptr) return "curve is not P-256, P-384 or P-521";
  auto x = binary_member(jwk, "x");
  auto y = binary_member(jwk, "y");
  // RFC 7518 section 6.2.1.2: the full length of the coordinate, leading zeros included.
  if (!x || !y || x->size() != curve->coordinate_bytes || y->size() != curve->coordinate_bytes) {
    return "x or y is missing or of the wrong length";
  }
  Owned<EVP_PKEY> made = make_ec_key(*curve, *x, *y);
  if (!made) return "the point is not on the curve";
  key.crv = curve->name;
  key.thumbprint = sha256(key.crv + "|" + hex(*x) + "|" + hex(*y));
  return prepared(std::move(key), std::move(made));
}

// RFC 8037 section 2.
Judged read_okp(const json::object& jwk, VerificationKey key) {
  if (string_member(jwk, "crv") != "Ed25519") return "curve is not Ed25519";
  const auto x = binary_member(jwk, "x");
  if (!x || x->size() != 32) return "x is missing or of the wrong length";
  Owned<EVP_PKEY> made(
      EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, bytes_of(*x), x->size()));
  if (!made) return "Ed25519 key refused";
  key.crv = "Ed25519";
  key.thumbprint = sha256("Ed25519|" + hex(*x));
  return prepared(std::move(key), std::move(made));
}

}  // namespace

Judged read_public_key(const json::value& value) {
  const json::object* const jwk = value.if_object();
  if (jwk == nullptr) return "is no object";
  if (std::string reason = unfit_purpose(*jwk); !reason.empty()) return reason;
  VerificationKey key;
  key.kid = string_member(*jwk, "kid");
  key.kty = string_member(*jwk, "kty");
  key.alg = string_member(*jwk, "alg");
  Judged judged = key.kty == "RSA"   ? read_rsa(*jwk, std::move(key))
                  : key.kty == "EC"  ? read_ec(*jwk, std::move(key))
                  : key.kty == "OKP" ? read_okp(*jwk, std::move(key))
                                     : Judged("kty is not RSA, EC or OKP");
  const auto* const usable = std::get_if<VerificationKey>(&judged);
  if (usable != nullptr && !usable->alg.empty()) {
    const Algorithm* const algorithm = find_algorithm(usable->alg);
    if (algorithm == nullptr) return "alg is no signature algorithm in use here";
    if (!fits(*usable, *algorithm)) return "alg does not fit the key";
  }
  return judged;
}

}  // namespace keyward::identity
