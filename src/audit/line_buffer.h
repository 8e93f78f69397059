// Lines on their way to a file. Gives room to write into, and keeps its memory from turn to turn.
#pragma once

#include <cstddef>
#include <cstring>
#include <memory>
#include <string_view>

namespace keyward::audit {

class LineBuffer {
 public:
  // Room for `most` bytes behind the last line, until the next call. Memory that is not written to
  // costs nothing.
  [[nodiscard]] char* room(std::size_t most) {
    if (capacity_ - size_ < most) grow(size_ + most);
    return bytes_.get() + size_;
  }
  // What was written there belongs to the buffer now.
  void commit(const char* end) { size_ = static_cast<std::size_t>(end - bytes_.get()); }

  [[nodiscard]] std::string_view view() const { return {bytes_.get(), size_}; }
  [[nodiscard]] std::size_t size() const { return size_; }
  void erase_front(std::size_t count) {
    std::memmove(bytes_.get(), bytes_.get() + count, size_ - count);
    size_ -= count;
  }
  // Empty; memory above `keep` bytes goes back.
  void clear(std::size_t keep) {
    size_ = 0;
    if (capacity_ <= keep) return;
    bytes_.reset();
    capacity_ = 0;
  }

 private:
  void grow(std::size_t least) {
    const std::size_t capacity = least + least / 2;
    auto bytes = std::make_unique_for_overwrite<char[]>(capacity);
    if (size_ > 0) std::memcpy(bytes.get(), bytes_.get(), size_);
    bytes_ = std::move(bytes);
    capacity_ = capacity;
  }

  std::unique_ptr<char[]> bytes_;
  std::size_t size_ = 0, capacity_ = 0;
};

}  // namespace keyward::audit
