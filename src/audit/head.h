// The newest record of a stream that is with the kernel, for other threads: written without
// waiting, read without stopping the writer.
#pragma once

#include <array>
#include <atomic>
#include <bit>
#include <cstdint>
#include <tuple>

namespace keyward::audit {

struct HeadState {
  std::uint64_t sequence = 0;
  std::uint64_t number = 0;     // of its segment
  std::uint64_t denied = 0;     // refusals since the run began
  std::uint64_t lost = 0;       // records shed since the run began
  std::uint64_t open = 0;       // 0: the stream was closed with a stop record
  std::array<char, 64> hash{};  // of its line, hex
};

// One writer. A reader that meets a write in progress tries again; a write takes some ten stores.
class Head {
 public:
  void store(const HeadState& state) {
    const auto words = std::bit_cast<Words>(state);
    const std::uint64_t version = version_.load(std::memory_order_relaxed);
    version_.store(version + 1, std::memory_order_relaxed);
    std::atomic_thread_fence(std::memory_order_release);
    for (std::size_t at = 0; at < words.size(); ++at)
      words_[at].store(words[at], std::memory_order_relaxed);
    version_.store(version + 2, std::memory_order_release);
  }
  [[nodiscard]] HeadState load() const {
    for (;;) {
      const std::uint64_t before = version_.load(std::memory_order_acquire);
      Words words;
      for (std::size_t at = 0; at < words.size(); ++at)
        words[at] = words_[at].load(std::memory_order_relaxed);
      std::atomic_thread_fence(std::memory_order_acquire);
      if (before % 2 != 0 || version_.load(std::memory_order_relaxed) != before) continue;
      return std::bit_cast<HeadState>(words);
    }
  }

 private:
  static_assert(sizeof(HeadState) % sizeof(std::uint64_t) == 0);
  using Words = std::array<std::uint64_t, sizeof(HeadState) / sizeof(std::uint64_t)>;

  std::atomic<std::uint64_t> version_{0};
  std::array<std::atomic<std::uint64_t>, std::tuple_size_v<Words>> words_{};
};

}  // namespace keyward::audit
