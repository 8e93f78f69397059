// A first-in-first-out queue in one block of memory that grows by doubling: no allocation in steady
// state.
#pragma once

#include <cstddef>
#include <utility>
#include <vector>

namespace keyward {

template <class T>
class Ring {
 public:
  [[nodiscard]] bool empty() const { return size_ == 0; }
  [[nodiscard]] std::size_t size() const { return size_; }
  // Position 0 is the front. Precondition: index < size().
  T& operator[](std::size_t index) { return slots_[(first_ + index) & (slots_.size() - 1)]; }
  const T& operator[](std::size_t index) const {
    return slots_[(first_ + index) & (slots_.size() - 1)];
  }
  T& front() { return (*this)[0]; }
  T& back() { return (*this)[size_ - 1]; }
  T& push_back(T value) {
    if (size_ == slots_.size()) grow();
    T& slot = (*this)[size_];
    slot = std::move(value);
    ++size_;
    return slot;
  }
  // As push_back, with the value that the slot has: a new one, or what was left there.
  T& next_slot() {
    if (size_ == slots_.size()) grow();
    return (*this)[size_++];
  }
  // The slot keeps its (moved-from or old) value until it is used again; callers reset what owns
  // memory.
  void pop_front() {
    first_ = (first_ + 1) & (slots_.size() - 1);
    if (--size_ == 0 && slots_.size() > kKeep) {
      std::vector<T>().swap(slots_);
      first_ = 0;
    }
  }

 private:
  static constexpr std::size_t kKeep = 1024;
  void grow() {
    std::vector<T> bigger(slots_.empty() ? 4 : slots_.size() * 2);
    for (std::size_t i = 0; i < size_; ++i) bigger[i] = std::move((*this)[i]);
    slots_.swap(bigger);
    first_ = 0;
  }
  std::vector<T> slots_;
  std::size_t first_ = 0;
  std::size_t size_ = 0;
};

}  // namespace keyward
