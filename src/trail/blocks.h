// A segment's text in blocks: block n holds the lines that end within its n-th MiB. A compressed
// segment's frames hold the same lines (audit/seekable.h), so reading one block decompresses one
// frame.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace keyward::trail {

inline constexpr std::uint64_t kBlockText = std::uint64_t{1} << 20;

// `end`: behind the newline of a line.
[[nodiscard]] constexpr std::size_t block_of(std::uint64_t end) {
  return static_cast<std::size_t>((end - 1) / kBlockText);
}

// The records of a block; `begin` of the next one, or the size of the text, is its end. Without a
// record: first_us > last_us.
struct Zone {
  std::uint64_t begin = 0;
  std::uint64_t first_us = ~std::uint64_t{0}, last_us = 0;
  std::uint64_t first_sequence = 0;
};

// Which blocks of a segment; as many bits as it has blocks.
class BlockSet {
 public:
  explicit BlockSet(std::size_t count, bool all = false) : bits_(count, all) {}
  void add(std::size_t block) { bits_[block] = true; }
  [[nodiscard]] bool has(std::size_t block) const { return bits_[block]; }
  [[nodiscard]] std::size_t size() const { return bits_.size(); }
  void keep(const BlockSet& other) {
    for (std::size_t block = 0; block < bits_.size(); ++block)
      bits_[block] = bits_[block] && other.bits_[block];
  }
  [[nodiscard]] std::size_t count() const {
    std::size_t count = 0;
    for (const bool bit : bits_) count += bit ? 1 : 0;
    return count;
  }

 private:
  std::vector<bool> bits_;
};

}  // namespace keyward::trail
