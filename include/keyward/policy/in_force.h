// The version that is in force, for the whole process: one writer, every thread reads.
#pragma once

#include "keyward/policy/snapshot.h"

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <utility>

namespace keyward::policy {

// Every decision asks number() first. It is one atomic for all threads, so a version is in force
// for all of them from one instant on: whoever saw an answer that was judged by version n can
// nowhere in this process be judged by n - 1 any more.
class InForce {
 public:
  struct Version {
    std::uint64_t number = 0;  // counts publications; 0 = none yet
    std::shared_ptr<const Snapshot> snapshot;
  };

  void publish(std::shared_ptr<const Snapshot> snapshot) {
    const std::lock_guard lock(mutex_);
    current_ = {current_.number + 1, std::move(snapshot)};
    number_.store(current_.number, std::memory_order_release);
  }
  [[nodiscard]] std::uint64_t number() const { return number_.load(std::memory_order_acquire); }
  // Taken only when the number changed: a lock.
  [[nodiscard]] Version get() const {
    const std::lock_guard lock(mutex_);
    return current_;
  }

 private:
  std::atomic<std::uint64_t> number_{0};
  mutable std::mutex mutex_;
  Version current_;
};

}  // namespace keyward::policy
