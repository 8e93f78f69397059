#include "keyward/identity/dev_issuer.h"

#include "identity/file_io.h"
#include "identity/jose.h"
#include "identity/strict_json.h"

#include "keyward/base/hash.h"

#include <boost/json/serialize.hpp>

#include <cstdlib>
#include <memory>
#include <utility>

namespace keyward::identity {

namespace {

constexpr std::size_t kMaxKeyFile = 16UL * 1024;
constexpr unsigned kOthers = 077;

struct Freed {
  void operator()(char* text) const { std::free(text); }
};
using JsonText = std::unique_ptr<char, Freed>;

JsonText as_json(const JoseKey& key, bool with_private) {
  cjose_err error{};
  return JsonText(cjose_jwk_to_json(key.jwk.get(), with_private, &error));
}

std::string alg_of(const cjose_jwk_t* jwk) {
  cjose_err error{};
  if (cjose_jwk_get_kty(jwk, &error) == CJOSE_JWK_KTY_RSA) return "RS256";
  if (cjose_jwk_get_kty(jwk, &error) != CJOSE_JWK_KTY_EC) return {};
  switch (cjose_jwk_EC_get_curve(jwk, &error)) {
    case CJOSE_JWK_EC_P_256:
      return "ES256";
    case CJOSE_JWK_EC_P_384:
      return "ES384";
    case CJOSE_JWK_EC_P_521:
      return "ES512";
    case CJOSE_JWK_EC_INVALID:
      break;
  }
  return {};
}

}  // namespace

Result<SigningKey> SigningKey::generate() {
  cjose_err error{};
  JwkPtr jwk(cjose_jwk_create_EC_random(CJOSE_JWK_EC_P_256, &error));
  if (!jwk) return Error(Errc::internal, "no ES256 key could be made");
  SigningKey key;
  key.kid_ = "dev-" + hex(random_bytes(8));
  key.alg_ = "ES256";
  if (!cjose_jwk_set_kid(jwk.get(), key.kid_.data(), key.kid_.size(), &error)) {
    return Error(Errc::internal, "no kid could be given to the key");
  }
  key.key_ = std::make_shared<const JoseKey>(JoseKey{std::move(jwk)});
  return key;
}

Result<SigningKey> SigningKey::parse(std::string_view text) {
  const JsonPtr json = parse_object(text, 4);
  if (!json || string_member(json.get(), "d").empty()) {
    return Error(Errc::invalid, "the text is no private JWK");
  }
  cjose_err error{};
  JwkPtr jwk(cjose_jwk_import(text.data(), text.size(), &error));
  if (!jwk) return Error(Errc::invalid, "the text is no private JWK of a known kind");
  SigningKey key;
  key.alg_ = alg_of(jwk.get());
  key.kid_ = string_member(json.get(), "kid");
  if (key.alg_.empty() || key.kid_.empty()) {
    return Error(Errc::invalid, "the private JWK needs a kid and kty RSA or EC");
  }
  key.key_ = std::make_shared<const JoseKey>(JoseKey{std::move(jwk)});
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
  const JsonText text = as_json(*key_, true);
  if (!text) return Error(Errc::internal, "the key cannot be written as JSON");
  const Secret content(std::string(text.get()) + "\n");
  OPENSSL_cleanse(text.get(), std::string_view(text.get()).size());
  return replace_file(path, content.reveal(), 0600);
}

std::string SigningKey::public_jwks() const {
  const JsonText text = as_json(*key_, false);
  if (!text) return R"({"keys":[]})";
  json_error_t error;
  const JsonPtr jwk(json_loads(text.get(), JSON_REJECT_DUPLICATES, &error));
  json_object_set_new(jwk.get(), "use", json_string("sig"));
  json_object_set_new(jwk.get(), "alg", json_string(alg_.c_str()));
  boost::json::object set;
  set["keys"] = boost::json::array{to_boost(jwk.get())};
  return boost::json::serialize(set);
}

Result<void> SigningKey::save_public_jwks(const std::string& path) const {
  return replace_file(path, public_jwks() + "\n", 0644);
}

Result<Secret> SigningKey::sign(const boost::json::object& claims, std::string_view typ) const {
  cjose_err error{};
  const JoseHeaderPtr header(cjose_header_new(&error));
  const std::string type(typ);
  if (!header || !cjose_header_set(header.get(), CJOSE_HDR_ALG, alg_.c_str(), &error) ||
      !cjose_header_set(header.get(), CJOSE_HDR_KID, kid_.c_str(), &error) ||
      (!type.empty() && !cjose_header_set(header.get(), "typ", type.c_str(), &error))) {
    return Error(Errc::internal, "the token's header cannot be made");
  }
  const std::string payload = boost::json::serialize(claims);
  const JwsPtr jws(cjose_jws_sign(key_->jwk.get(), header.get(),
                                  reinterpret_cast<const std::uint8_t*>(payload.data()),
                                  payload.size(), &error));
  const char* compact = nullptr;
  if (!jws || !cjose_jws_export(jws.get(), &compact, &error) || compact == nullptr) {
    return Error(Errc::internal, "the token cannot be signed");
  }
  return Secret(std::string(compact));
}

}  // namespace keyward::identity
