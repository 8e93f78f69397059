// The bytes of an index: what is in README.md, "The index". Little-endian.
//
//   header    88 bytes: see IndexHead; its checksum covers itself and both tables
//   zones     32 bytes a block: see Zone
//   leaves    16 bytes a leaf: u64 offset, u32 size, u32 checksum
//   words     sorted; a leaf has up to 64: varint shared with the one before, varint more, the
//   bytes, and
//             which blocks: varint count*2 and the blocks as varint differences, or varint
//             count*2+1 and a bit for every block
#pragma once

#include "trail/blocks.h"
#include "trail/terms.h"

#include "keyward/base/hash.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace keyward::trail {

inline constexpr std::string_view kIndexMagic = "KWINDEX1";
inline constexpr std::size_t kHeadSize = 88;
inline constexpr std::size_t kZoneSize = 32;
inline constexpr std::size_t kLeafSize = 16;
inline constexpr std::size_t kWordsInLeaf = 64;
// Of what is read from a file: no segment of ours has more.
inline constexpr std::uint64_t kMostBlocks = std::uint64_t{1} << 24;
inline constexpr std::uint64_t kMostLeafBytes = std::uint64_t{16} << 20;

struct IndexHead {
  std::uint64_t text_size = 0;  // of the segment it was made of
  Digest last_line{};           // SHA-256 of that segment's last line: the end of its chain
  std::uint64_t records = 0, unreadable = 0;  // lines that are records, and that are none
  std::uint32_t fields = 0;                   // bit_of() of those whose words are all here
  std::uint32_t blocks = 0, leaves = 0;
};

[[nodiscard]] std::uint32_t checksum(std::string_view bytes);  // CRC-32C

void put_u32(std::string& out, std::uint32_t number);
void put_u64(std::string& out, std::uint64_t number);
void put_varint(std::string& out, std::uint64_t number);
[[nodiscard]] std::uint32_t u32_at(std::string_view bytes, std::size_t at);
[[nodiscard]] std::uint64_t u64_at(std::string_view bytes, std::size_t at);
[[nodiscard]] bool take_varint(std::string_view& rest, std::uint64_t& number);

// Header and tables; `checked` bytes of it are without the checksum, which stands at the header's
// end.
[[nodiscard]] std::string encode_head(const IndexHead& head, const std::vector<Zone>& zones,
                                      std::string_view leaves);
[[nodiscard]] std::optional<IndexHead> decode_head(std::string_view bytes);  // the first kHeadSize

}  // namespace keyward::trail
