#include "keyward/audit/line_reader.h"

#include "keyward/audit/line_head.h"

#include <algorithm>
#include <cstring>

namespace keyward::audit {
namespace {
constexpr std::size_t kBlock = std::size_t{4} << 20;
static_assert(kBlock > 2 * kLineLimit);
}  // namespace

LineReader::LineReader(Segment& segment, std::uint64_t end,
                       std::function<void(std::uint64_t)> progress, std::uint64_t begin)
    : segment_(&segment), at_(begin), end_(end), progress_(std::move(progress)) {
  block_.resize(std::min<std::uint64_t>(kBlock, end + 1 - begin));
}

// Moves the unread rest to the front and reads behind it.
bool LineReader::fill() {
  std::memmove(block_.data(), block_.data() + begin_, filled_ - begin_);
  filled_ -= begin_;
  scanned_ -= begin_;
  begin_ = 0;
  const std::size_t wanted = std::min<std::uint64_t>(block_.size() - filled_, end_ - at_);
  if (wanted == 0) return false;
  const ssize_t count = segment_->read(block_.data() + filled_, wanted, at_);
  if (count <= 0) {
    failed_ = count < 0;
    return false;
  }
  filled_ += static_cast<std::size_t>(count);
  at_ += static_cast<std::uint64_t>(count);
  if (progress_) progress_(static_cast<std::uint64_t>(count));
  return true;
}

std::optional<std::string_view> LineReader::next() {
  for (;;) {
    const void* found = std::memchr(block_.data() + scanned_, '\n', filled_ - scanned_);
    if (found != nullptr) {
      const auto end = static_cast<std::size_t>(static_cast<const char*>(found) - block_.data());
      const std::string_view line(block_.data() + begin_, end - begin_);
      begin_ = scanned_ = end + 1;
      return line;
    }
    scanned_ = filled_;
    if (filled_ - begin_ > kLineLimit) {
      const std::string_view line(block_.data() + begin_, kLineLimit + 1);
      begin_ += kLineLimit + 1;
      return line;
    }
    if (!fill()) return std::nullopt;
  }
}

}  // namespace keyward::audit
