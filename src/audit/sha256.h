// SHA-256 that can go on from the state after a common beginning, so that what many lines have in
// common is hashed once.
//
// By OpenSSL's low-level functions, deprecated since 3.0: EVP cannot take up a saved state without
// an allocation for each record. sha256.cc is the one place that calls them.
#pragma once

#include <openssl/sha.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace keyward::audit {

using HexDigest = std::array<char, 64>;

class Sha256 {
 public:
  static constexpr std::size_t kBlock = 64;
  using State = std::array<std::uint32_t, 8>;

  Sha256() { begin(); }
  void begin();
  // As if `hashed` bytes, whole blocks, had been added that led to this state.
  void resume(const State& state, std::size_t hashed);
  void add(std::string_view bytes);
  // Of whole blocks only.
  [[nodiscard]] State state() const;
  [[nodiscard]] HexDigest finish();

 private:
  SHA256_CTX context_;
};

}  // namespace keyward::audit
