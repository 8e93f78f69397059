// The text of a segment, plain or compressed, read at any place.
#pragma once

#include "keyward/audit/seekable.h"
#include "keyward/base/descriptor.h"
#include "keyward/base/result.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <sys/types.h>
#include <vector>

namespace keyward::audit {

inline constexpr std::string_view kCompressedEnding = ".zst";

// Not for two threads at once.
class Segment {
 public:
  // Compressed when the name ends in .zst. A plain segment that was compressed since its directory
  // was listed is found under that name.
  [[nodiscard]] static Result<Segment> open(const std::string& path);

  [[nodiscard]] std::uint64_t size() const { return size_; }  // of the text, when it was opened
  [[nodiscard]] std::uint64_t file_size() const { return file_size_; }
  // As pread does, of the text; -1 with errno EIO also when a block is damaged. May give less than
  // asked for; 0 is the end.
  [[nodiscard]] ssize_t read(char* into, std::size_t count, std::uint64_t offset);
  // Where the frames of a compressed segment begin; empty for a plain one.
  [[nodiscard]] std::span<const Block> blocks() const { return blocks_; }
  [[nodiscard]] bool compressed() const { return compressed_; }
  [[nodiscard]] int descriptor() const { return fd_.number(); }

 private:
  Descriptor fd_;
  std::uint64_t size_ = 0, file_size_ = 0;
  bool compressed_ = false;
  std::vector<Block> blocks_;
  std::size_t loaded_ = ~std::size_t{0};  // the block that text_ holds
  std::string text_;
};

// The bytes from `begin` to `end`, which the segment must hold.
[[nodiscard]] Result<std::string> read_range(Segment& segment, std::uint64_t begin,
                                             std::uint64_t end);

}  // namespace keyward::audit
