#include "trail/index_image.h"

#include <boost/crc.hpp>

namespace keyward::trail {

std::uint32_t checksum(std::string_view bytes) {
  boost::crc_optimal<32, 0x1EDC6F41, 0xFFFFFFFF, 0xFFFFFFFF, true, true> crc;
  crc.process_bytes(bytes.data(), bytes.size());
  return crc.checksum();
}

void put_u32(std::string& out, std::uint32_t number) {
  for (int shift = 0; shift < 32; shift += 8) out += static_cast<char>(number >> shift & 0xff);
}
void put_u64(std::string& out, std::uint64_t number) {
  for (int shift = 0; shift < 64; shift += 8) out += static_cast<char>(number >> shift & 0xff);
}
void put_varint(std::string& out, std::uint64_t number) {
  for (; number >= 0x80; number >>= 7) out += static_cast<char>(0x80 | (number & 0x7f));
  out += static_cast<char>(number);
}

std::uint32_t u32_at(std::string_view bytes, std::size_t at) {
  std::uint32_t number = 0;
  for (std::size_t index = 0; index < 4; ++index)
    number |= std::uint32_t{static_cast<std::uint8_t>(bytes[at + index])} << (8 * index);
  return number;
}
std::uint64_t u64_at(std::string_view bytes, std::size_t at) {
  return u32_at(bytes, at) | std::uint64_t{u32_at(bytes, at + 4)} << 32;
}
bool take_varint(std::string_view& rest, std::uint64_t& number) {
  number = 0;
  for (unsigned shift = 0; shift < 64 && !rest.empty(); shift += 7) {
    const auto byte = static_cast<std::uint8_t>(rest.front());
    rest.remove_prefix(1);
    number |= std::uint64_t{byte & 0x7fU} << shift;
    if (byte < 0x80) return true;
  }
  return false;
}

std::string encode_head(const IndexHead& head, const std::vector<Zone>& zones,
                        std::string_view leaves) {
  std::string out(kIndexMagic);
  put_u64(out, head.text_size);
  out.append(head.last_line.begin(), head.last_line.end());
  put_u64(out, head.records);
  put_u64(out, head.unreadable);
  put_u32(out, head.fields);
  put_u32(out, head.blocks);
  put_u32(out, head.leaves);
  out.append(8, '\0');
  std::string tables;
  for (const Zone& zone : zones) {
    put_u64(tables, zone.begin);
    put_u64(tables, zone.first_us);
    put_u64(tables, zone.last_us);
    put_u64(tables, zone.first_sequence);
  }
  tables += leaves;
  put_u32(out, checksum(out + tables));
  return out + tables;
}

std::optional<IndexHead> decode_head(std::string_view bytes) {
  if (bytes.size() != kHeadSize || !bytes.starts_with(kIndexMagic)) return {};
  IndexHead head;
  head.text_size = u64_at(bytes, 8);
  for (std::size_t index = 0; index < head.last_line.size(); ++index)
    head.last_line[index] = static_cast<std::uint8_t>(bytes[16 + index]);
  head.records = u64_at(bytes, 48);
  head.unreadable = u64_at(bytes, 56);
  head.fields = u32_at(bytes, 64);
  head.blocks = u32_at(bytes, 68);
  head.leaves = u32_at(bytes, 72);
  return head;
}

}  // namespace keyward::trail
