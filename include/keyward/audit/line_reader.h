// Reads a segment line by line in large blocks, with bounded memory.
#pragma once

#include "keyward/audit/segment.h"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace keyward::audit {

class LineReader {
 public:
  // Reads its text from `begin` up to `end`. `progress` hears of every block. The segment must
  // outlive it.
  LineReader(Segment& segment, std::uint64_t end, std::function<void(std::uint64_t)> progress,
             std::uint64_t begin = 0);

  // The next line that ends in a newline, without it; valid until the next call. A line longer than
  // kLineLimit comes cut at the limit, which no record is.
  [[nodiscard]] std::optional<std::string_view> next();
  [[nodiscard]] bool failed() const { return failed_; }
  // What follows the last newline, once next() has given nullopt.
  [[nodiscard]] std::string_view rest() const {
    return std::string_view(block_).substr(begin_, filled_ - begin_);
  }

 private:
  bool fill();

  Segment* segment_;
  std::uint64_t at_, end_;
  std::function<void(std::uint64_t)> progress_;
  std::string block_;
  std::size_t begin_ = 0, scanned_ = 0, filled_ = 0;
  bool failed_ = false;
};

}  // namespace keyward::audit
