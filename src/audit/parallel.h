// The same work for each of many things, on several threads.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <thread>
#include <vector>

namespace keyward::audit {

// `work(index)` for 0 <= index < count, in no order. `threads` 0 = one per core.
template <typename Work>
void in_parallel(std::size_t count, unsigned threads, const Work& work) {
  if (threads == 0) threads = std::max(1U, std::thread::hardware_concurrency());
  const std::size_t most = std::min<std::size_t>(threads, count);
  std::atomic<std::size_t> next{0};
  const auto labour = [&] {
    for (std::size_t index = next++; index < count; index = next++) work(index);
  };
  std::vector<std::thread> others;
  for (std::size_t made = 1; made < most; ++made) others.emplace_back(labour);
  labour();
  for (std::thread& other : others) other.join();
}

}  // namespace keyward::audit
