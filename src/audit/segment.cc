#include "keyward/audit/segment.h"

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <sys/stat.h>
#include <system_error>

namespace keyward::audit {

Result<Segment> Segment::open(const std::string& path) {
  const auto failed = [](const std::string& name, const std::string& why) {
    return Error(Errc::io, "audit file " + name + ": " + why);
  };
  Segment segment;
  std::string name = path;
  segment.fd_.reset(::open(name.c_str(), O_RDONLY | O_CLOEXEC));
  if (!segment.fd_.open() && errno == ENOENT && !name.ends_with(kCompressedEnding)) {
    name += kCompressedEnding;
    segment.fd_.reset(::open(name.c_str(), O_RDONLY | O_CLOEXEC));
    if (!segment.fd_.open()) name = path;
  }
  struct stat facts {};
  if (!segment.fd_.open() || ::fstat(segment.fd_.number(), &facts) != 0)
    return failed(name, std::generic_category().message(errno));
  segment.file_size_ = segment.size_ = static_cast<std::uint64_t>(facts.st_size);
  segment.compressed_ = name.ends_with(kCompressedEnding);
  if (!segment.compressed_) return segment;
  auto blocks = read_table(segment.fd_.number(), segment.file_size_);
  if (!blocks) return failed(name, blocks.error().message());
  segment.blocks_ = *std::move(blocks);
  segment.size_ =
      segment.blocks_.empty() ? 0 : segment.blocks_.back().begin + segment.blocks_.back().size;
  return segment;
}

ssize_t Segment::read(char* into, std::size_t count, std::uint64_t offset) {
  if (!compressed_) {
    ssize_t got = 0;
    do {
      got = ::pread(fd_.number(), into, count, static_cast<off_t>(offset));
    } while (got < 0 && errno == EINTR);
    return got;
  }
  if (offset >= size_) return 0;
  const auto after =
      std::upper_bound(blocks_.begin(), blocks_.end(), offset,
                       [](std::uint64_t at, const Block& block) { return at < block.begin; });
  const auto index = static_cast<std::size_t>(after - blocks_.begin()) - 1;
  if (index != loaded_) {
    loaded_ = ~std::size_t{0};
    if (!read_block(fd_.number(), blocks_[index], text_)) {
      errno = EIO;
      return -1;
    }
    loaded_ = index;
  }
  const std::size_t begin = offset - blocks_[index].begin;
  return static_cast<ssize_t>(text_.copy(into, count, begin));
}

Result<std::string> read_range(Segment& segment, std::uint64_t begin, std::uint64_t end) {
  std::string bytes(end - begin, '\0');
  std::size_t filled = 0;
  while (filled < bytes.size()) {
    const ssize_t count =
        segment.read(bytes.data() + filled, bytes.size() - filled, begin + filled);
    if (count <= 0)
      return Error(Errc::io,
                   count < 0 ? std::generic_category().message(errno) : "file became shorter");
    filled += static_cast<std::size_t>(count);
  }
  return bytes;
}

}  // namespace keyward::audit
