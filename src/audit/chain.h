// The place of the next record in a hash chain: prev = SHA-256 of the bytes of the line before,
// without its newline.
#pragma once

#include "audit/opening.h"
#include "audit/sha256.h"

#include <cstdint>
#include <string_view>

namespace keyward::audit {

inline constexpr HexDigest kNoHash = [] {
  HexDigest zeros{};
  zeros.fill('0');
  return zeros;
}();

[[nodiscard]] inline std::string_view view(const HexDigest& digest) {
  return {digest.data(), digest.size()};
}

[[nodiscard]] inline HexDigest hash_of(std::string_view bytes) {
  Sha256 hash;
  hash.add(bytes);
  return hash.finish();
}

class Chain {
 public:
  // Continues after the record `sequence` whose line has the hash `last`; 0 and kNoHash before the
  // first record.
  void resume(std::uint64_t sequence, const HexDigest& last) {
    sequence_ = sequence;
    last_ = last;
  }
  [[nodiscard]] std::uint64_t sequence() const { return sequence_; }  // of the last record
  [[nodiscard]] std::string_view last() const { return view(last_); }
  void add(std::string_view line) {
    last_ = hash_of(line);
    ++sequence_;
  }
  // A line that begins with `opening`.
  void add(std::string_view line, const Opening& opening) {
    hash_.resume(opening.state, opening.hashed);
    hash_.add(line.substr(opening.hashed));
    last_ = hash_.finish();
    ++sequence_;
  }

 private:
  Sha256 hash_;
  HexDigest last_ = kNoHash;
  std::uint64_t sequence_ = 0;
};

}  // namespace keyward::audit
