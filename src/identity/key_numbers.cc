#include "identity/key_numbers.h"

#include "identity/strict_json.h"

#include "keyward/base/hash.h"

#include <openssl/core_names.h>

#include <algorithm>
#include <array>
#include <vector>

namespace keyward::identity {

namespace {

constexpr std::array<Curve, 3> kCurves{{{"P-256", 32}, {"P-384", 48}, {"P-521", 66}}};

Owned<BIGNUM> number(std::string_view bytes) {
  return Owned<BIGNUM>(BN_bin2bn(bytes_of(bytes), static_cast<int>(bytes.size()), nullptr));
}

Owned<EVP_PKEY> make_key(const char* type, bool with_private, OSSL_PARAM_BLD* builder) {
  const Owned<OSSL_PARAM> params(OSSL_PARAM_BLD_to_param(builder));
  const Owned<EVP_PKEY_CTX> maker(EVP_PKEY_CTX_new_from_name(nullptr, type, nullptr));
  EVP_PKEY* key = nullptr;
  if (!params || !maker || EVP_PKEY_fromdata_init(maker.get()) != 1 ||
      EVP_PKEY_fromdata(maker.get(), &key, with_private ? EVP_PKEY_KEYPAIR : EVP_PKEY_PUBLIC_KEY,
                        params.get()) != 1) {
    return nullptr;
  }
  return Owned<EVP_PKEY>(key);
}

}  // namespace

const Curve* find_curve(std::string_view name) {
  const auto* const found = std::find_if(kCurves.begin(), kCurves.end(),
                                         [&](const Curve& one) { return one.name == name; });
  return found == kCurves.end() ? nullptr : found;
}

std::optional<std::string> binary_member(const boost::json::object& jwk, std::string_view name) {
  const std::string_view text = string_member(jwk, name);
  if (text.empty() || text.size() > 2 * kMaxModulusBytes) return std::nullopt;
  return base64url_decode(text);
}

Owned<EVP_PKEY> make_ec_key(const Curve& curve, std::string_view x, std::string_view y,
                            std::string_view d) {
  const std::string point = '\x04' + std::string(x) + std::string(y);
  const Owned<BIGNUM> secret = d.empty() ? nullptr : number(d);
  const Owned<OSSL_PARAM_BLD> builder(OSSL_PARAM_BLD_new());
  if (!builder || (!d.empty() && !secret) ||
      OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME, curve.name, 0) !=
          1 ||
      OSSL_PARAM_BLD_push_octet_string(builder.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(),
                                       point.size()) != 1 ||
      (secret &&
       OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_PRIV_KEY, secret.get()) != 1)) {
    return nullptr;
  }
  Owned<EVP_PKEY> key = make_key("EC", !d.empty(), builder.get());
  if (!key) return nullptr;
  const Owned<EVP_PKEY_CTX> check(EVP_PKEY_CTX_new_from_pkey(nullptr, key.get(), nullptr));
  if (!check || EVP_PKEY_public_check(check.get()) != 1) return nullptr;
  return key;
}

Owned<EVP_PKEY> make_rsa_key(std::span<const RsaNumber> numbers) {
  const Owned<OSSL_PARAM_BLD> builder(OSSL_PARAM_BLD_new());
  std::vector<Owned<BIGNUM>> kept;  // the builder only points at them
  for (const RsaNumber& one : numbers) {
    kept.push_back(number(one.bytes));
    if (!builder || !kept.back() ||
        OSSL_PARAM_BLD_push_BN(builder.get(), one.name, kept.back().get()) != 1) {
      return nullptr;
    }
  }
  return make_key("RSA", numbers.size() > 2, builder.get());
}

std::optional<std::string> number_of(const EVP_PKEY* key, const char* name, std::size_t width) {
  BIGNUM* raw = nullptr;
  if (EVP_PKEY_get_bn_param(key, name, &raw) != 1) return std::nullopt;
  const Owned<BIGNUM> value(raw);
  if (width == 0) width = static_cast<std::size_t>(BN_num_bytes(raw));
  std::string bytes(width, '\0');
  if (BN_bn2binpad(raw, reinterpret_cast<unsigned char*>(bytes.data()), static_cast<int>(width)) <
      0) {
    return std::nullopt;
  }
  return bytes;
}

}  // namespace keyward::identity
