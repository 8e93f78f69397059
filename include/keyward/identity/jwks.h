// The usable public keys of one issuer, read from a JWKS document. Immutable; shared between
// threads.
#pragma once

#include "keyward/base/hash.h"
#include "keyward/base/result.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace keyward::identity {

class PublicKey;  // src/identity/jose.h

// One key that passed every check of its own: size, curve, use, key_ops, not private, not
// symmetric.
struct VerificationKey {
  std::string kid;      // may be empty
  std::string kty;      // "RSA", "EC" or "OKP"
  std::string crv;      // "P-256" "P-384" "P-521" "Ed25519"; empty for RSA
  std::string alg;      // the key's own restriction; empty = whatever fits its type
  Digest thumbprint{};  // over the public members: tells equal keys from different ones
  std::shared_ptr<const PublicKey> key;
};

class KeySet {
 public:
  static constexpr std::size_t kMaxBytes = 512UL * 1024;
  static constexpr std::size_t kMaxKeys = 100;

  // Why a key of the document is not used; `place` is its position there.
  struct Skipped {
    std::size_t place = 0;
    std::string kid;
    std::string reason;
  };
  enum class Choice : std::uint8_t {
    found,
    unknown,    // no such kid, or no kid given and nothing fits
    unfit,      // the kid's key cannot be used with this algorithm
    ambiguous,  // no kid given and several keys fit
  };
  struct Chosen {
    Choice choice = Choice::unknown;
    const VerificationKey* key = nullptr;  // set when found; lives as long as the set
  };

  // An error is a document that is no key set at all; bad single keys are only skipped. A set may
  // end up empty.
  [[nodiscard]] static Result<std::shared_ptr<const KeySet>> parse(std::string_view document);

  // The key for a token with this algorithm. `kid` null = the token names none: then exactly one
  // key must fit.
  [[nodiscard]] Chosen choose(std::string_view alg, const std::string* kid) const;

  [[nodiscard]] const std::vector<VerificationKey>& keys() const { return keys_; }
  [[nodiscard]] const std::vector<Skipped>& skipped() const { return skipped_; }
  [[nodiscard]] bool empty() const { return keys_.empty(); }
  [[nodiscard]] std::size_t size() const { return keys_.size(); }
  // Equal for equal sets of usable keys, whatever their order in the document.
  [[nodiscard]] const Digest& fingerprint() const { return fingerprint_; }

 private:
  void drop_contested();
  void seal();
  std::vector<VerificationKey> keys_;
  std::vector<Skipped> skipped_;
  Digest fingerprint_{};
};

}  // namespace keyward::identity
