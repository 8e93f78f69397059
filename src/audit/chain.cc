#include "audit/chain.h"

#include <openssl/evp.h>

#include <cstdio>
#include <cstdlib>

namespace keyward::audit {
namespace {

// Only a broken OpenSSL fails here, and a trail without hashes must not be written.
void must(int result) {
  if (result == 1) return;
  std::fputs("keyward: SHA-256 is not available\n", stderr);
  std::abort();
}

}  // namespace

void Hasher::Free::operator()(evp_md_ctx_st* context) const { EVP_MD_CTX_free(context); }

Hasher::Hasher() : context_(EVP_MD_CTX_new()) {
  must(context_ != nullptr ? EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr) : 0);
}

void Hasher::begin() { must(EVP_DigestInit_ex(context_.get(), nullptr, nullptr)); }

void Hasher::add(std::string_view bytes) {
  must(EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()));
}

HexDigest Hasher::finish() {
  static constexpr std::string_view kDigits = "0123456789abcdef";
  std::array<unsigned char, 32> raw{};
  must(EVP_DigestFinal_ex(context_.get(), raw.data(), nullptr));
  HexDigest text{};
  for (std::size_t index = 0; index < raw.size(); ++index) {
    text[2 * index] = kDigits[raw[index] >> 4];
    text[2 * index + 1] = kDigits[raw[index] & 15];
  }
  return text;
}

HexDigest Hasher::operator()(std::string_view bytes) {
  begin();
  add(bytes);
  return finish();
}

}  // namespace keyward::audit
