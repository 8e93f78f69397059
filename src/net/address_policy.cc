#include "keyward/net/https_client.h"

#include <algorithm>
#include <array>
#include <cstdint>

namespace keyward::net {

namespace {

using boost::asio::ip::address_v4;
using boost::asio::ip::address_v6;

struct Range {
  std::uint32_t first;
  unsigned bits;
};
constexpr std::uint32_t dotted(std::uint32_t a, std::uint32_t b, std::uint32_t c, std::uint32_t d) {
  return a << 24U | b << 16U | c << 8U | d;
}

// IANA special-purpose registry (RFC 6890), and where clouds answer with credentials.
constexpr std::array<Range, 6> kNever{{
    {dotted(0, 0, 0, 0), 8},           // this network
    {dotted(100, 100, 100, 200), 32},  // Alibaba's metadata service
    {dotted(169, 254, 0, 0), 16},      // link-local; metadata of AWS, Azure, Google
    {dotted(192, 0, 0, 0), 24},        // protocol assignments; Oracle's metadata service
    {dotted(224, 0, 0, 0), 4},         // multicast
    {dotted(240, 0, 0, 0), 4},         // reserved, broadcast
}};
constexpr std::array<Range, 6> kPrivate{{
    {dotted(10, 0, 0, 0), 8},
    {dotted(100, 64, 0, 0), 10},
    {dotted(127, 0, 0, 0), 8},
    {dotted(172, 16, 0, 0), 12},
    {dotted(192, 168, 0, 0), 16},
    {dotted(198, 18, 0, 0), 15},
}};

template <class Ranges>
bool within(const Ranges& ranges, std::uint32_t address) {
  return std::any_of(ranges.begin(), ranges.end(), [address](const Range& range) {
    return (address >> (32U - range.bits)) == (range.first >> (32U - range.bits));
  });
}

bool permitted(const address_v4& address, bool allow_private) {
  const std::uint32_t number = address.to_uint();
  if (within(kNever, number)) return false;
  return allow_private || !within(kPrivate, number);
}

address_v4 embedded(const address_v6::bytes_type& bytes, std::size_t at) {
  return address_v4({bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]});
}

bool permitted(const address_v6& address, bool allow_private) {
  const address_v6::bytes_type bytes = address.to_bytes();
  if (address.is_v4_mapped()) return permitted(embedded(bytes, 12), allow_private);
  if (address.is_loopback()) return allow_private;
  constexpr std::array<unsigned char, 12> kNat64{0, 0x64, 0xff, 0x9b};
  if (std::equal(kNat64.begin(), kNat64.end(), bytes.begin())) {
    return permitted(embedded(bytes, 12), allow_private);
  }
  if (bytes[0] == 0x20 && bytes[1] == 0x02) return permitted(embedded(bytes, 2), allow_private);
  constexpr address_v6::bytes_type kAwsMetadata{0xfd, 0x00, 0x0e, 0xc2, 0, 0, 0, 0,
                                                0,    0,    0,    0,    0, 0, 2, 0x54};
  if (bytes == kAwsMetadata || address.is_multicast() || address.is_link_local()) return false;
  if ((bytes[0] & 0xfeU) == 0xfc || address.is_site_local()) return allow_private;
  return (bytes[0] & 0xe0U) == 0x20;  // 2000::/3, all that is assigned for the public
}

}  // namespace

bool metadata_service(const boost::asio::ip::address& address) {
  static const std::array<boost::asio::ip::address, 5> known{
      boost::asio::ip::make_address("169.254.169.254"),
      boost::asio::ip::make_address("169.254.170.2"),
      boost::asio::ip::make_address("169.254.170.23"),
      boost::asio::ip::make_address("fd00:ec2::254"),
      boost::asio::ip::make_address("fd00:ec2::23")};
  return std::find(known.begin(), known.end(), address) != known.end();
}

bool address_permitted(const boost::asio::ip::address& address, bool allow_private) {
  return address.is_v4() ? permitted(address.to_v4(), allow_private)
                         : permitted(address.to_v6(), allow_private);
}

}  // namespace keyward::net
