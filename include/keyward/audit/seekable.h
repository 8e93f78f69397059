// Text in zstd's seekable format: independent frames of whole lines and a table of their sizes at
// the end, in a frame that every decompressor skips (zstd, contrib/seekable_format).
#pragma once

#include "keyward/base/result.h"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace keyward::audit {

// One frame: its place in the text and in the file.
struct Block {
  std::uint64_t begin = 0, packed_begin = 0;
  std::uint32_t size = 0, packed_size = 0;
};

// No frame of ours holds more text; one that says so is not read.
inline constexpr std::size_t kBlockLimit = std::size_t{8} << 20;

// The first `size` bytes of `from` into `to`, which is empty. `between` is called after each frame.
[[nodiscard]] Result<> compress(int from, std::uint64_t size, int to,
                                const std::function<void()>& between);

// The table of a file of ours; an error for any other.
[[nodiscard]] Result<std::vector<Block>> read_table(int fd, std::uint64_t file_size);

// The text of a block; false when the file does not hold it.
[[nodiscard]] bool read_block(int fd, const Block& block, std::string& text);

}  // namespace keyward::audit
