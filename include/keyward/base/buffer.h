// A growable byte queue: append at the end, consume from the front, contiguous in between.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

namespace keyward {

// Gives its memory back when emptied after having grown past `kKeep`, so that idle owners cost
// nothing.
class Buffer {
 public:
  static constexpr std::size_t kKeep = 4096;

  void append(std::string_view bytes) { bytes_.append(bytes); }
  void push_back(char byte) { bytes_.push_back(byte); }
  [[nodiscard]] std::string_view view() const { return std::string_view(bytes_).substr(begin_); }
  [[nodiscard]] std::size_t size() const { return bytes_.size() - begin_; }
  [[nodiscard]] bool empty() const { return begin_ == bytes_.size(); }
  void consume(std::size_t count) {
    begin_ = std::min(begin_ + count, bytes_.size());
    if (begin_ == bytes_.size()) {
      clear();
    } else if (begin_ > kCompact && begin_ > bytes_.size() / 2) {
      bytes_.erase(0, begin_);
      begin_ = 0;
    }
  }
  void clear() {
    begin_ = 0;
    bytes_.clear();
    if (bytes_.capacity() > kKeep) std::string().swap(bytes_);
  }
  // Drops all memory, also the part that clear() keeps for reuse.
  void release() {
    begin_ = 0;
    std::string().swap(bytes_);
  }
  // Appending target for encoders that write into a std::string. Only valid until the next
  // consume().
  [[nodiscard]] std::string& tail() { return bytes_; }
  [[nodiscard]] std::size_t capacity() const { return bytes_.capacity(); }
  void swap(Buffer& other) noexcept {
    bytes_.swap(other.bytes_);
    std::swap(begin_, other.begin_);
  }

 private:
  static constexpr std::size_t kCompact = 65536;
  std::string bytes_;
  std::size_t begin_ = 0;
};

}  // namespace keyward
