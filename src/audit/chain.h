// The place of the next record in a hash chain: prev = SHA-256 of the bytes of the line before,
// without its newline.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

struct evp_md_ctx_st;

namespace keyward::audit {

using HexDigest = std::array<char, 64>;

inline constexpr HexDigest kNoHash = [] {
  HexDigest zeros{};
  zeros.fill('0');
  return zeros;
}();

[[nodiscard]] inline std::string_view view(const HexDigest& digest) {
  return {digest.data(), digest.size()};
}

// SHA-256 with a context that is made once.
class Hasher {
 public:
  Hasher();
  [[nodiscard]] HexDigest operator()(std::string_view bytes);
  void begin();
  void add(std::string_view bytes);
  [[nodiscard]] HexDigest finish();

 private:
  struct Free {
    void operator()(evp_md_ctx_st* context) const;
  };
  std::unique_ptr<evp_md_ctx_st, Free> context_;
};

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
    last_ = hasher_(line);
    ++sequence_;
  }

 private:
  Hasher hasher_;
  HexDigest last_ = kNoHash;
  std::uint64_t sequence_ = 0;
};

}  // namespace keyward::audit
