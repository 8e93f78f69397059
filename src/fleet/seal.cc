#include "keyward/fleet/seal.h"

#include "keyward/base/derived_key.h"
#include "keyward/base/hash.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <cstdlib>
#include <memory>

namespace keyward::fleet {
namespace {

constexpr std::size_t kKeySize = 32, kNonceSize = 12, kTagSize = 16;
// Another form of record gets another text here, and with it another key.
constexpr std::string_view kPurpose = "keyward fleet record v1";

struct CipherFree {
  void operator()(EVP_CIPHER_CTX* context) const { EVP_CIPHER_CTX_free(context); }
};
using Cipher = std::unique_ptr<EVP_CIPHER_CTX, CipherFree>;

const unsigned char* bytes_of(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}
unsigned char* bytes_of(std::string& text) { return reinterpret_cast<unsigned char*>(text.data()); }

bool add(EVP_CIPHER_CTX* context, bool closing, unsigned char* out, std::string_view text) {
  int written = 0;
  const int size = static_cast<int>(text.size());
  return (closing ? EVP_EncryptUpdate(context, out, &written, bytes_of(text), size)
                  : EVP_DecryptUpdate(context, out, &written, bytes_of(text), size)) == 1;
}

}  // namespace

Seal::Seal(const Secret& secret) : key_(derive_key(secret, kPurpose)) {}

std::string Seal::close(std::string_view name, std::string_view plain) const {
  std::string out = random_bytes(kNonceSize);
  out.resize(kNonceSize + plain.size() + kTagSize);
  unsigned char* const bytes = bytes_of(out);
  const Cipher context(EVP_CIPHER_CTX_new());
  int written = 0;
  const bool closed =
      context &&
      EVP_EncryptInit_ex2(context.get(), EVP_aes_256_gcm(), bytes_of(key_.reveal()), bytes,
                          nullptr) == 1 &&
      add(context.get(), true, nullptr, name) &&
      add(context.get(), true, bytes + kNonceSize, plain) &&
      EVP_EncryptFinal_ex(context.get(), bytes + kNonceSize + plain.size(), &written) == 1 &&
      EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_GET_TAG, kTagSize,
                          bytes + kNonceSize + plain.size()) == 1;
  if (!closed) std::abort();
  return base64url_encode(out);
}

std::optional<std::string> Seal::open(std::string_view name, std::string_view sealed) const {
  auto raw = base64url_decode(sealed);
  if (!raw || raw->size() < kNonceSize + kTagSize) return std::nullopt;
  const std::size_t size = raw->size() - kNonceSize - kTagSize;
  unsigned char* const bytes = bytes_of(*raw);
  std::string plain(size, '\0');
  const Cipher context(EVP_CIPHER_CTX_new());
  int written = 0;
  const bool opened =
      context &&
      EVP_DecryptInit_ex2(context.get(), EVP_aes_256_gcm(), bytes_of(key_.reveal()), bytes,
                          nullptr) == 1 &&
      add(context.get(), false, nullptr, name) &&
      add(context.get(), false, bytes_of(plain), std::string_view(*raw).substr(kNonceSize, size)) &&
      EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_SET_TAG, kTagSize,
                          bytes + kNonceSize + size) == 1 &&
      EVP_DecryptFinal_ex(context.get(), bytes_of(plain) + size, &written) == 1;
  if (!opened) return std::nullopt;
  return plain;
}

bool Seal::same_as(const Seal& other) const {
  return CRYPTO_memcmp(key_.reveal().data(), other.key_.reveal().data(), kKeySize) == 0;
}

}  // namespace keyward::fleet
