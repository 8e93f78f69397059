#include "identity/jose.h"

#include <openssl/err.h>
#include <openssl/rsa.h>

#include <algorithm>
#include <array>

namespace keyward::identity {

namespace {

constexpr std::array<Algorithm, 11> kAlgorithms{{
    {"RS256", "RSA", "", "SHA256", 0},
    {"RS384", "RSA", "", "SHA384", 0},
    {"RS512", "RSA", "", "SHA512", 0},
    {"PS256", "RSA", "", "SHA256", 0, true},
    {"PS384", "RSA", "", "SHA384", 0, true},
    {"PS512", "RSA", "", "SHA512", 0, true},
    {"ES256", "EC", "P-256", "SHA256", 64},
    {"ES384", "EC", "P-384", "SHA384", 96},
    {"ES512", "EC", "P-521", "SHA512", 132},
    {"EdDSA", "OKP", "Ed25519", nullptr, 64},    // RFC 8037
    {"Ed25519", "OKP", "Ed25519", nullptr, 64},  // RFC 9864
}};

// Two INTEGERs of up to 66 bytes, each with a sign byte, type and length, in a SEQUENCE.
constexpr std::size_t kMaxDer = 3 + 2 * (2 + 1 + 66);
using Der = std::array<unsigned char, kMaxDer>;

bool all_zero(std::string_view bytes) {
  return std::all_of(bytes.begin(), bytes.end(), [](char byte) { return byte == '\0'; });
}

BIGNUM* number(std::string_view bytes) {
  return BN_bin2bn(bytes_of(bytes), static_cast<int>(bytes.size()), nullptr);
}

// r||s as the SEQUENCE that OpenSSL reads. Empty when that cannot be.
std::string_view to_der(std::string_view raw, Der& der) {
  const std::size_t half = raw.size() / 2;
  Owned<BIGNUM> r(number(raw.substr(0, half)));
  Owned<BIGNUM> s(number(raw.substr(half)));
  const Owned<ECDSA_SIG> pair(ECDSA_SIG_new());
  if (!r || !s || !pair || ECDSA_SIG_set0(pair.get(), r.get(), s.get()) != 1) return {};
  (void)r.release();  // now the pair's
  (void)s.release();
  const int size = i2d_ECDSA_SIG(pair.get(), nullptr);
  if (size <= 0 || static_cast<std::size_t>(size) > der.size()) return {};
  unsigned char* out = der.data();
  i2d_ECDSA_SIG(pair.get(), &out);
  return {reinterpret_cast<const char*>(der.data()), static_cast<std::size_t>(size)};
}

std::optional<std::string> from_der(std::string_view der, std::size_t width) {
  const unsigned char* from = bytes_of(der);
  const Owned<ECDSA_SIG> pair(d2i_ECDSA_SIG(nullptr, &from, static_cast<long>(der.size())));
  std::string raw(width, '\0');
  auto* const out = reinterpret_cast<unsigned char*>(raw.data());
  const int half = static_cast<int>(width / 2);
  if (!pair || BN_bn2binpad(ECDSA_SIG_get0_r(pair.get()), out, half) != half ||
      BN_bn2binpad(ECDSA_SIG_get0_s(pair.get()), out + half, half) != half) {
    return std::nullopt;
  }
  return raw;
}

// RFC 7518 section 3.5: the salt is as long as the digest, which also makes MGF1's.
bool set_padding(EVP_PKEY_CTX* options, const Algorithm& algorithm) {
  return !algorithm.pss || (EVP_PKEY_CTX_set_rsa_padding(options, RSA_PKCS1_PSS_PADDING) == 1 &&
                            EVP_PKEY_CTX_set_rsa_pss_saltlen(options, RSA_PSS_SALTLEN_DIGEST) == 1);
}

}  // namespace

std::span<const Algorithm> all_algorithms() { return kAlgorithms; }

const Algorithm* find_algorithm(std::string_view name) {
  const auto* const found = std::find_if(kAlgorithms.begin(), kAlgorithms.end(),
                                         [&](const Algorithm& one) { return one.name == name; });
  return found == kAlgorithms.end() ? nullptr : found;
}

bool fits(const VerificationKey& key, const Algorithm& algorithm) {
  return key.kty == algorithm.kty && key.crv == algorithm.crv &&
         (key.alg.empty() || key.alg == algorithm.name);
}

bool PublicKey::prepare(const Algorithm& algorithm) {
  Owned<EVP_MD_CTX> context(EVP_MD_CTX_new());
  EVP_PKEY_CTX* options = nullptr;
  if (!context ||
      EVP_DigestVerifyInit_ex(context.get(), &options, algorithm.digest, nullptr, nullptr,
                              key_.get(), nullptr) != 1 ||
      !set_padding(options, algorithm)) {
    return false;
  }
  prepared_.emplace_back(&algorithm, std::move(context));
  return true;
}

// A context without a digest (Ed25519) cannot be copied: it is started anew.
bool PublicKey::start(const Algorithm& algorithm, EVP_MD_CTX& context,
                      const EVP_MD_CTX* prepared) const {
  if (algorithm.digest != nullptr) return EVP_MD_CTX_copy_ex(&context, prepared) == 1;
  return EVP_DigestVerifyInit_ex(&context, nullptr, nullptr, nullptr, nullptr, key_.get(),
                                 nullptr) == 1;
}

bool PublicKey::verifies(const Algorithm& algorithm, std::string_view text,
                         std::string_view signature) const {
  const auto place = std::find_if(prepared_.begin(), prepared_.end(),
                                  [&](const auto& one) { return one.first == &algorithm; });
  if (place == prepared_.end()) return false;
  // RFC 7518 sections 3.3 to 3.5 fix the length: one signature has one spelling.
  const std::size_t size = algorithm.signature_bytes != 0
                               ? algorithm.signature_bytes
                               : static_cast<std::size_t>(EVP_PKEY_get_size(key_.get()));
  if (signature.size() != size) return false;
  Der der;
  if (algorithm.kty == "EC") {
    const std::size_t half = size / 2;  // r = 0 or s = 0 is CVE-2022-21449
    if (all_zero(signature.substr(0, half)) || all_zero(signature.substr(half))) return false;
    signature = to_der(signature, der);
  }
  const Owned<EVP_MD_CTX> context(EVP_MD_CTX_new());
  const bool holds = context && start(algorithm, *context, place->second.get()) &&
                     EVP_DigestVerify(context.get(), bytes_of(signature), signature.size(),
                                      bytes_of(text), text.size()) == 1;
  // What is left in this thread's queue would look like an error of the next TLS read.
  if (!holds) ERR_clear_error();
  return holds;
}

bool signature_holds(const VerificationKey& key, const Algorithm& algorithm, std::string_view text,
                     std::string_view signature) {
  return key.key->verifies(algorithm, text, signature);
}

std::optional<std::string> make_signature(EVP_PKEY* key, const Algorithm& algorithm,
                                          std::string_view text) {
  const Owned<EVP_MD_CTX> context(EVP_MD_CTX_new());
  EVP_PKEY_CTX* options = nullptr;
  std::size_t size = 0;
  if (!context ||
      EVP_DigestSignInit_ex(context.get(), &options, algorithm.digest, nullptr, nullptr, key,
                            nullptr) != 1 ||
      !set_padding(options, algorithm) ||
      EVP_DigestSign(context.get(), nullptr, &size, bytes_of(text), text.size()) != 1) {
    return std::nullopt;
  }
  std::string signature(size, '\0');
  auto* const out = reinterpret_cast<unsigned char*>(signature.data());
  if (EVP_DigestSign(context.get(), out, &size, bytes_of(text), text.size()) != 1) {
    return std::nullopt;
  }
  signature.resize(size);
  if (algorithm.kty != "EC") return signature;
  return from_der(signature, algorithm.signature_bytes);
}

}  // namespace keyward::identity
