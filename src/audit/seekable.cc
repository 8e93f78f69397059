#include "keyward/audit/seekable.h"

#include <cerrno>
#include <memory>
#include <system_error>
#include <unistd.h>
#include <zstd.h>

namespace keyward::audit {
namespace {

constexpr std::size_t kBlockSize = std::size_t{1} << 20;
constexpr int kLevel = 3;
constexpr std::uint32_t kSkippable = 0x184D2A5E, kSeekable = 0x8F92EAB1;
constexpr std::size_t kHeaderSize = 8, kFooterSize = 9, kEntrySize = 8;
constexpr std::size_t kMostFrames = std::size_t{1} << 24;

struct FreeCompressor {
  void operator()(ZSTD_CCtx* context) const { ZSTD_freeCCtx(context); }
};

void put_number(std::string& out, std::uint32_t number) {
  for (int shift = 0; shift < 32; shift += 8) out += static_cast<char>((number >> shift) & 255U);
}

std::uint32_t number_at(const std::string& bytes, std::size_t at) {
  std::uint32_t number = 0;
  for (std::size_t index = 4; index-- > 0;)
    number = number << 8U | static_cast<unsigned char>(bytes[at + index]);
  return number;
}

Error last_error() { return {Errc::io, std::generic_category().message(errno)}; }

bool read_all(int fd, std::uint64_t at, std::string& into) {
  std::size_t filled = 0;
  while (filled < into.size()) {
    const ssize_t count =
        ::pread(fd, into.data() + filled, into.size() - filled, static_cast<off_t>(at + filled));
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return false;
    filled += static_cast<std::size_t>(count);
  }
  return true;
}

bool write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ::write(fd, bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
  return true;
}

// Text on its way into frames.
class Packer {
 public:
  explicit Packer(int to) : to_(to), context_(ZSTD_createCCtx()) {
    ZSTD_CCtx_setParameter(context_.get(), ZSTD_c_compressionLevel, kLevel);
    ZSTD_CCtx_setParameter(context_.get(), ZSTD_c_checksumFlag, 1);
  }
  [[nodiscard]] bool add(std::string_view text) {
    packed_.resize(ZSTD_compressBound(text.size()));
    const std::size_t size =
        ZSTD_compress2(context_.get(), packed_.data(), packed_.size(), text.data(), text.size());
    if (ZSTD_isError(size) != 0) return false;
    put_number(table_, static_cast<std::uint32_t>(size));
    put_number(table_, static_cast<std::uint32_t>(text.size()));
    ++frames_;
    return write_all(to_, std::string_view(packed_).substr(0, size));
  }
  [[nodiscard]] bool finish() {
    std::string out;
    put_number(out, kSkippable);
    put_number(out, static_cast<std::uint32_t>(table_.size() + kFooterSize));
    out += table_;
    put_number(out, frames_);
    out += '\0';  // the table holds no checksums of its own: the frames do
    put_number(out, kSeekable);
    return write_all(to_, out);
  }

 private:
  int to_;
  std::unique_ptr<ZSTD_CCtx, FreeCompressor> context_;
  std::string packed_, table_;
  std::uint32_t frames_ = 0;
};

}  // namespace

Result<> compress(int from, std::uint64_t size, int to, const std::function<void()>& between) {
  Packer packer(to);
  std::string text, block;
  for (std::uint64_t at = 0; at < size;) {
    block.resize(std::min<std::uint64_t>(kBlockSize, size - at));
    if (!read_all(from, at, block)) return last_error();
    at += block.size();
    text += block;
    std::size_t end = text.rfind('\n') + 1;  // 0: not one whole line
    if (at == size || (end == 0 && text.size() > kBlockLimit / 2)) end = text.size();
    if (end == 0) continue;
    if (!packer.add(std::string_view(text).substr(0, end))) return last_error();
    text.erase(0, end);
    if (between) between();
  }
  if (!packer.finish()) return last_error();
  return {};
}

Result<std::vector<Block>> read_table(int fd, std::uint64_t file_size) {
  const Error broken(Errc::invalid, "not a compressed segment, or one that was cut off");
  std::string footer(kFooterSize, '\0');
  if (file_size < kHeaderSize + kFooterSize || !read_all(fd, file_size - kFooterSize, footer))
    return broken;
  const std::size_t frames = number_at(footer, 0);
  const std::uint64_t table_size = kHeaderSize + frames * kEntrySize + kFooterSize;
  if (footer[4] != '\0' || number_at(footer, 5) != kSeekable || frames > kMostFrames ||
      table_size > file_size)
    return broken;
  std::string table(table_size, '\0');
  if (!read_all(fd, file_size - table_size, table)) return broken;
  if (number_at(table, 0) != kSkippable || number_at(table, 4) != table_size - kHeaderSize)
    return broken;
  std::vector<Block> blocks;
  blocks.reserve(frames);
  Block next;
  for (std::size_t frame = 0; frame < frames; ++frame) {
    next.packed_size = number_at(table, kHeaderSize + frame * kEntrySize);
    next.size = number_at(table, kHeaderSize + frame * kEntrySize + 4);
    if (next.size == 0 || next.size > kBlockLimit) return broken;
    blocks.push_back(next);
    next.begin += next.size;
    next.packed_begin += next.packed_size;
  }
  if (next.packed_begin + table_size != file_size) return broken;
  return blocks;
}

bool read_block(int fd, const Block& block, std::string& text) {
  std::string packed(block.packed_size, '\0');
  if (!read_all(fd, block.packed_begin, packed)) return false;
  text.resize(block.size);
  const std::size_t size = ZSTD_decompress(text.data(), text.size(), packed.data(), packed.size());
  return ZSTD_isError(size) == 0 && size == block.size;
}

}  // namespace keyward::audit
