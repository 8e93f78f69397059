#include "keyward/identity/dev_issuer.h"

#include "identity/file_io.h"
#include "identity/jose.h"
#include "identity/key_numbers.h"
#include "identity/strict_json.h"

#include "keyward/base/hash.h"

#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>

#include <array>
#include <utility>
#include <vector>

namespace keyward::identity {

namespace {

namespace json = boost::json;

constexpr std::size_t kMaxKeyFile = 16UL * 1024;
constexpr std::size_t kKeyDepth = 4;
constexpr unsigned kOthers = 077;

struct Member {
  const char* jwk;
  const char* openssl;
};
// RFC 7518 section 6.3; the public ones first, the factors and what follows from them may be left
// out.
constexpr std::array<Member, 8> kRsa{{{"n", OSSL_PKEY_PARAM_RSA_N},
                                      {"e", OSSL_PKEY_PARAM_RSA_E},
                                      {"d", OSSL_PKEY_PARAM_RSA_D},
                                      {"p", OSSL_PKEY_PARAM_RSA_FACTOR1},
                                      {"q", OSSL_PKEY_PARAM_RSA_FACTOR2},
                                      {"dp", OSSL_PKEY_PARAM_RSA_EXPONENT1},
                                      {"dq", OSSL_PKEY_PARAM_RSA_EXPONENT2},
                                      {"qi", OSSL_PKEY_PARAM_RSA_COEFFICIENT1}}};
constexpr std::array<Member, 3> kEc{{{"x", OSSL_PKEY_PARAM_EC_PUB_X},
                                     {"y", OSSL_PKEY_PARAM_EC_PUB_Y},
                                     {"d", OSSL_PKEY_PARAM_PRIV_KEY}}};

Owned<EVP_PKEY> read_ec(const json::object& jwk) {
  const Curve* const curve = find_curve(string_member(jwk, "crv"));
  const auto x = binary_member(jwk, "x");
  const auto y = binary_member(jwk, "y");
  auto d = binary_member(jwk, "d");
  if (curve == nullptr || !x || !y || !d || x->size() != curve->coordinate_bytes ||
      y->size() != curve->coordinate_bytes || d->size() > curve->coordinate_bytes) {
    return nullptr;
  }
  const Secret secret(std::move(*d));
  return make_ec_key(*curve, *x, *y, secret.reveal());
}

Owned<EVP_PKEY> read_rsa(const json::object& jwk) {
  std::vector<RsaNumber> numbers;
  for (const Member& one : kRsa) {
    if (auto bytes = binary_member(jwk, one.jwk)) {
      numbers.push_back({one.openssl, std::move(*bytes)});
    } else if (numbers.size() < 3) {
      return nullptr;
    }
  }
  Owned<EVP_PKEY> key = make_rsa_key(numbers);
  for (RsaNumber& one : numbers) OPENSSL_cleanse(one.bytes.data(), one.bytes.size());
  return key;
}

json::object as_jwk(const EVP_PKEY* key, const Algorithm& algorithm, const std::string& kid,
                    bool with_private) {
  json::object jwk{{"kty", algorithm.kty}, {"kid", kid}};
  const Curve* const curve = find_curve(algorithm.crv);
  if (curve != nullptr) jwk["crv"] = curve->name;
  const std::span<const Member> members =
      curve != nullptr ? std::span<const Member>(kEc) : std::span<const Member>(kRsa);
  for (const Member& one : members.first(with_private ? members.size() : 2)) {
    auto bytes = number_of(key, one.openssl, curve != nullptr ? curve->coordinate_bytes : 0);
    if (!bytes) continue;
    const Secret number(std::move(*bytes));
    jwk[one.jwk] = base64url_encode(number.reveal());
  }
  return jwk;
}

}  // namespace

Result<SigningKey> SigningKey::generate() {
  SigningKey key;
  key.key_.reset(EVP_EC_gen("P-256"), OpensslFree());
  if (!key.key_) return Error(Errc::internal, "no ES256 key could be made");
  key.kid_ = "dev-" + hex(random_bytes(8));
  key.alg_ = "ES256";
  return key;
}

Result<SigningKey> SigningKey::parse(std::string_view text) {
  const auto jwk = parse_object(text, kKeyDepth);
  if (!jwk || string_member(*jwk, "d").empty()) {
    return Error(Errc::invalid, "the text is no private JWK");
  }
  const std::string_view kty = string_member(*jwk, "kty");
  Owned<EVP_PKEY> made = kty == "EC" ? read_ec(*jwk) : kty == "RSA" ? read_rsa(*jwk) : nullptr;
  if (!made) {
    ERR_clear_error();
    return Error(Errc::invalid, "the text is no private JWK of a known kind");
  }
  const std::string_view crv = kty == "EC" ? string_member(*jwk, "crv") : "";
  SigningKey key;
  for (const Algorithm& one : all_algorithms()) {  // for RSA the first one, RS256
    if (key.alg_.empty() && one.kty == kty && one.crv == crv) key.alg_ = one.name;
  }
  key.kid_ = string_member(*jwk, "kid");
  if (key.kid_.empty()) return Error(Errc::invalid, "the private JWK needs a kid");
  key.key_ = std::move(made);
  return key;
}

Result<SigningKey> SigningKey::load(const std::string& path) {
  auto content = read_file(path, kMaxKeyFile);
  if (content.has_error()) return content.error();
  const Secret text(std::move(content->bytes));
  if ((content->stamp.mode & kOthers) != 0) {
    return Error(Errc::forbidden, path + ": a private key must not be open to others; chmod 600");
  }
  auto key = parse(text.reveal());
  if (key.has_error()) return Error(key.error().code(), path + ": " + key.error().message());
  return key;
}

Result<void> SigningKey::save(const std::string& path) const {
  const Secret text(json::serialize(as_jwk(key_.get(), *find_algorithm(alg_), kid_, true)) + "\n");
  return replace_file(path, text.reveal(), 0600);
}

std::string SigningKey::public_jwks() const {
  json::object jwk = as_jwk(key_.get(), *find_algorithm(alg_), kid_, false);
  jwk["use"] = "sig";
  jwk["alg"] = alg_;
  return json::serialize(json::object{{"keys", json::array{std::move(jwk)}}});
}

Result<void> SigningKey::save_public_jwks(const std::string& path) const {
  return replace_file(path, public_jwks() + "\n", 0644);
}

Result<Secret> SigningKey::sign(const json::object& claims, std::string_view typ) const {
  json::object header{{"alg", alg_}, {"kid", kid_}};
  if (!typ.empty()) header["typ"] = typ;
  std::string token =
      base64url_encode(json::serialize(header)) + "." + base64url_encode(json::serialize(claims));
  const auto signature = make_signature(key_.get(), *find_algorithm(alg_), token);
  if (!signature) return Error(Errc::internal, "the token cannot be signed");
  return Secret(std::move(token) + "." + base64url_encode(*signature));
}

}  // namespace keyward::identity
