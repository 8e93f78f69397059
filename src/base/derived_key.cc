#include "keyward/base/derived_key.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

#include <array>
#include <cstdlib>
#include <memory>
#include <string>
#include <utility>

namespace keyward {
namespace {

constexpr std::size_t kKeySize = 32;

struct KdfFree {
  void operator()(EVP_KDF* kdf) const { EVP_KDF_free(kdf); }
  void operator()(EVP_KDF_CTX* context) const { EVP_KDF_CTX_free(context); }
};

OSSL_PARAM octets(const char* name, std::string_view value) {
  // OpenSSL takes what it only reads by a pointer to non-const.
  return OSSL_PARAM_construct_octet_string(name, const_cast<char*>(value.data()), value.size());
}

}  // namespace

Secret derive_key(const Secret& secret, std::string_view purpose) {
  const std::unique_ptr<EVP_KDF, KdfFree> kdf(EVP_KDF_fetch(nullptr, OSSL_KDF_NAME_HKDF, nullptr));
  const std::unique_ptr<EVP_KDF_CTX, KdfFree> context(kdf ? EVP_KDF_CTX_new(kdf.get()) : nullptr);
  char digest[] = "SHA256";
  const std::array<OSSL_PARAM, 4> params{
      OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
      octets(OSSL_KDF_PARAM_KEY, secret.reveal()), octets(OSSL_KDF_PARAM_INFO, purpose),
      OSSL_PARAM_construct_end()};
  std::string key(kKeySize, '\0');
  auto* const bytes = reinterpret_cast<unsigned char*>(key.data());
  // Without it nothing can be sealed or signed, and nothing may go on in the clear.
  if (!context || EVP_KDF_derive(context.get(), bytes, key.size(), params.data()) != 1)
    std::abort();
  return Secret(std::move(key));
}

}  // namespace keyward
