#include "identity/jose.h"

#include <openssl/err.h>

#include <algorithm>
#include <array>

namespace keyward::identity {

namespace {

constexpr std::array<Algorithm, 9> kAlgorithms{{
    {"RS256", "RSA", "", 0},
    {"RS384", "RSA", "", 0},
    {"RS512", "RSA", "", 0},
    {"PS256", "RSA", "", 0},
    {"PS384", "RSA", "", 0},
    {"PS512", "RSA", "", 0},
    {"ES256", "EC", "P-256", 64},
    {"ES384", "EC", "P-384", 96},
    {"ES512", "EC", "P-521", 132},
}};

bool all_zero(std::string_view bytes) {
  return std::all_of(bytes.begin(), bytes.end(), [](char byte) { return byte == '\0'; });
}

}  // namespace

const Algorithm* find_algorithm(std::string_view name) {
  const auto* const found = std::find_if(kAlgorithms.begin(), kAlgorithms.end(),
                                         [&](const Algorithm& one) { return one.name == name; });
  return found == kAlgorithms.end() ? nullptr : found;
}

bool fits(const VerificationKey& key, const Algorithm& algorithm) {
  return key.kty == algorithm.kty && key.crv == algorithm.crv &&
         (key.alg.empty() || key.alg == algorithm.name);
}

bool signature_holds(const VerificationKey& key, const Algorithm& algorithm, std::string_view token,
                     std::string_view signature) {
  if (algorithm.signature_bytes != 0) {
    // cjose halves whatever it gets; RFC 7518 section 3.4 fixes the length. r = 0 or s = 0 is
    // CVE-2022-21449.
    if (signature.size() != algorithm.signature_bytes) return false;
    const std::size_t half = signature.size() / 2;
    if (all_zero(signature.substr(0, half)) || all_zero(signature.substr(half))) return false;
  }
  cjose_err error{};
  const JwsPtr jws(cjose_jws_import(token.data(), token.size(), &error));
  if (jws != nullptr && cjose_jws_verify(jws.get(), key.jose->jwk.get(), &error)) return true;
  ERR_clear_error();  // what is left in this thread's queue would look like an error of the next
                      // TLS read
  return false;
}

}  // namespace keyward::identity
