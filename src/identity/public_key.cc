#include "identity/public_key.h"

#include "identity/strict_json.h"

#include "keyward/base/hash.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>

#include <algorithm>
#include <array>
#include <memory>
#include <optional>
#include <utility>

namespace keyward::identity {

namespace {

constexpr std::size_t kMaxKid = 512;
constexpr std::size_t kMaxModulusBytes =
    1024;                              // 8192 bits: a larger one costs milliseconds per login
constexpr int kMinModulusBits = 2048;  // RFC 7518 section 3.3
constexpr std::size_t kMaxExponentBytes =
    4;  // a long exponent makes every verification as slow as signing

using Judged = std::variant<VerificationKey, std::string>;

struct BignumFree {
  void operator()(BIGNUM* number) const { BN_free(number); }
};
using Bignum = std::unique_ptr<BIGNUM, BignumFree>;

unsigned char* bytes_of(std::string& text) { return reinterpret_cast<unsigned char*>(text.data()); }

std::optional<std::string> binary_member(const json_t* jwk, const char* name) {
  const std::string_view text = string_member(jwk, name);
  if (text.empty() || text.size() > 2 * kMaxModulusBytes) return std::nullopt;
  return base64url_decode(text);
}

// What the key says it is for (RFC 7517 sections 4.2 to 4.4). Empty = it may verify.
std::string unfit_purpose(const json_t* jwk) {
  for (const char* name : {"kty", "kid", "use", "alg"}) {
    const json_t* const member = json_object_get(jwk, name);
    if (member != nullptr && !json_is_string(member)) return std::string(name) + " is no string";
  }
  if (string_member(jwk, "kid").size() > kMaxKid) return "kid is too long";
  for (const char* name : {"d", "p", "q", "dp", "dq", "qi", "oth", "k"}) {
    if (json_object_get(jwk, name) != nullptr) return "holds private or symmetric key material";
  }
  if (json_object_get(jwk, "use") != nullptr && string_member(jwk, "use") != "sig") {
    return "use is not sig";
  }
  const json_t* const operations = json_object_get(jwk, "key_ops");
  if (operations == nullptr) return {};
  if (!json_is_array(operations)) return "key_ops is no array";
  for (std::size_t at = 0; at < json_array_size(operations); ++at) {
    const json_t* const operation = json_array_get(operations, at);
    if (json_is_string(operation) && std::string_view(json_string_value(operation)) == "verify") {
      return {};
    }
  }
  return "key_ops has no verify";
}

Judged read_rsa(const json_t* jwk, VerificationKey key) {
  auto modulus = binary_member(jwk, "n");
  auto exponent = binary_member(jwk, "e");
  if (!modulus || !exponent) return "n or e is missing or no base64url";
  modulus->erase(0, std::min(modulus->find_first_not_of('\0'), modulus->size()));
  exponent->erase(0, std::min(exponent->find_first_not_of('\0'), exponent->size()));
  // Sizes come before any arithmetic.
  if (modulus->size() > kMaxModulusBytes) return "RSA modulus above 8192 bits";
  if (exponent->size() > kMaxExponentBytes) return "RSA exponent above 32 bits";
  const Bignum n(BN_bin2bn(bytes_of(*modulus), static_cast<int>(modulus->size()), nullptr));
  const Bignum e(BN_bin2bn(bytes_of(*exponent), static_cast<int>(exponent->size()), nullptr));
  if (!n || !e) return "out of memory";
  if (BN_num_bits(n.get()) < kMinModulusBits) return "RSA modulus below 2048 bits";
  if (BN_is_odd(n.get()) == 0) return "RSA modulus is even";
  if (BN_is_odd(e.get()) == 0 || BN_is_one(e.get()) != 0) return "RSA exponent is even or 1";

  cjose_jwk_rsa_keyspec spec{};
  spec.n = bytes_of(*modulus);
  spec.nlen = modulus->size();
  spec.e = bytes_of(*exponent);
  spec.elen = exponent->size();
  cjose_err error{};
  JwkPtr made(cjose_jwk_create_RSA_spec(&spec, &error));
  if (!made) return "RSA key refused";
  key.thumbprint = sha256("RSA|" + hex(*exponent) + "|" + hex(*modulus));
  key.jose = std::make_shared<const JoseKey>(JoseKey{std::move(made)});
  return key;
}

struct Curve {
  std::string_view name;
  const char* openssl_name;
  cjose_jwk_ec_curve id;
  std::size_t coordinate_bytes;
};
constexpr std::array<Curve, 3> kCurves{{
    {"P-256", "P-256", CJOSE_JWK_EC_P_256, 32},
    {"P-384", "P-384", CJOSE_JWK_EC_P_384, 48},
    {"P-521", "P-521", CJOSE_JWK_EC_P_521, 66},
}};

bool on_curve(const Curve& curve, const std::string& x, const std::string& y) {
  const std::string point = '\x04' + x + y;
  const std::unique_ptr<OSSL_PARAM_BLD, decltype(&OSSL_PARAM_BLD_free)> builder(
      OSSL_PARAM_BLD_new(), &OSSL_PARAM_BLD_free);
  if (!builder ||
      OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME, curve.openssl_name,
                                      0) != 1 ||
      OSSL_PARAM_BLD_push_octet_string(builder.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(),
                                       point.size()) != 1) {
    return false;
  }
  const std::unique_ptr<OSSL_PARAM, decltype(&OSSL_PARAM_free)> params(
      OSSL_PARAM_BLD_to_param(builder.get()), &OSSL_PARAM_free);
  const std::unique_ptr<EVP_PKEY_CTX, decltype(&EVP_PKEY_CTX_free)> make(
      EVP_PKEY_CTX_new_from_name(nullptr, "EC", nullptr), &EVP_PKEY_CTX_free);
  EVP_PKEY* raw = nullptr;
  if (!params || !make || EVP_PKEY_fromdata_init(make.get()) != 1 ||
      EVP_PKEY_fromdata(make.get(), &raw, EVP_PKEY_PUBLIC_KEY, params.get()) != 1) {
    return false;
  }
  const std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key(raw, &EVP_PKEY_free);
  const std::unique_ptr<EVP_PKEY_CTX, decltype(&EVP_PKEY_CTX_free)> check(
      EVP_PKEY_CTX_new_from_pkey(nullptr, key.get(), nullptr), &EVP_PKEY_CTX_free);
  return check && EVP_PKEY_public_check(check.get()) == 1;
}

Judged read_ec(const json_t* jwk, VerificationKey key) {
  const std::string_view name = string_member(jwk, "crv");
  const Curve* curve = nullptr;
  for (const Curve& one : kCurves) {
    if (one.name == name) curve = &one;
  }
  if (curve == nullptr) return "curve is not P-256, P-384 or P-521";
  auto x = binary_member(jwk, "x");
  auto y = binary_member(jwk, "y");
  // RFC 7518 section 6.2.1.2: the full length of the coordinate, leading zeros included.
  if (!x || !y || x->size() != curve->coordinate_bytes || y->size() != curve->coordinate_bytes) {
    return "x or y is missing or of the wrong length";
  }
  if (!on_curve(*curve, *x, *y)) return "the point is not on the curve";
  cjose_jwk_ec_keyspec spec{};
  spec.crv = curve->id;
  spec.x = bytes_of(*x);
  spec.xlen = x->size();
  spec.y = bytes_of(*y);
  spec.ylen = y->size();
  cjose_err error{};
  JwkPtr made(cjose_jwk_create_EC_spec(&spec, &error));
  if (!made) return "EC key refused";
  key.crv = curve->name;
  key.thumbprint = sha256(std::string(curve->name) + "|" + hex(*x) + "|" + hex(*y));
  key.jose = std::make_shared<const JoseKey>(JoseKey{std::move(made)});
  return key;
}

}  // namespace

Judged read_public_key(const json_t* jwk) {
  if (!json_is_object(jwk)) return "is no object";
  if (std::string reason = unfit_purpose(jwk); !reason.empty()) return reason;
  VerificationKey key;
  key.kid = string_member(jwk, "kid");
  key.kty = string_member(jwk, "kty");
  key.alg = string_member(jwk, "alg");
  Judged judged = key.kty == "RSA"  ? read_rsa(jwk, std::move(key))
                  : key.kty == "EC" ? read_ec(jwk, std::move(key))
                                    : Judged("kty is not RSA or EC");
  const auto* const usable = std::get_if<VerificationKey>(&judged);
  if (usable != nullptr && !usable->alg.empty()) {
    const Algorithm* const algorithm = find_algorithm(usable->alg);
    if (algorithm == nullptr) return "alg is no signature algorithm in use here";
    if (!fits(*usable, *algorithm)) return "alg does not fit the key";
  }
  return judged;
}

}  // namespace keyward::identity
