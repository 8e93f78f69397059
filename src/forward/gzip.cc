#include "forward/gzip.h"

#include <boost/beast/zlib/deflate_stream.hpp>
#include <boost/crc.hpp>

#include <cstdint>

namespace keyward::forward {
namespace {

constexpr int kLevel = 6, kWindowBits = 15, kMemory = 8;

void put_little_endian(std::string& out, std::uint32_t number) {
  for (int shift = 0; shift < 32; shift += 8) out += static_cast<char>((number >> shift) & 0xffU);
}

}  // namespace

std::string gzip(std::string_view bytes) {
  namespace zlib = boost::beast::zlib;
  std::string out("\x1f\x8b\x08\0\0\0\0\0\0\xff", 10);  // deflate, no name, no time, any system
  const std::size_t head = out.size();
  zlib::deflate_stream deflate;
  deflate.reset(kLevel, kWindowBits, kMemory, zlib::Strategy::normal);
  out.resize(head + deflate.upper_bound(bytes.size()) + 64);
  zlib::z_params step;
  step.next_in = bytes.data();
  step.avail_in = bytes.size();
  step.next_out = out.data() + head;
  step.avail_out = out.size() - head;
  boost::system::error_code ended;
  deflate.write(step, zlib::Flush::finish, ended);
  out.resize(head + step.total_out);
  boost::crc_32_type crc;
  crc.process_bytes(bytes.data(), bytes.size());
  put_little_endian(out, crc.checksum());
  put_little_endian(out, static_cast<std::uint32_t>(bytes.size()));
  return out;
}

}  // namespace keyward::forward
