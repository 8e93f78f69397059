// What one identity uses of the whole process: connections and commands, for the limits of its
// grants.
#pragma once

#include "keyward/base/clock.h"
#include "keyward/proxy/roster.h"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>

namespace keyward::proxy {

// Shared by the sessions of one identity on all shards.
class Usage {
 public:
  // False: that would be more than `most` (0 = no limit).
  [[nodiscard]] bool connect(std::uint32_t most);
  void disconnect() { connections_.fetch_sub(1, std::memory_order_relaxed); }
  // Takes one command of this second's share. False: none is left; the caller waits for the next
  // second.
  [[nodiscard]] bool take_command(std::uint32_t per_second, MonoTime now);
  [[nodiscard]] Roster& roster() { return roster_; }
  [[nodiscard]] std::uint32_t connections() const {
    return connections_.load(std::memory_order_relaxed);
  }

 private:
  Roster roster_;
  std::atomic<std::uint32_t> connections_{0};
  std::atomic<std::int64_t> second_{0};
  std::atomic<std::uint32_t> used_{0};
};

// All identities with a connection. Any thread; the lock is taken at login only.
class UsageRegistry {
 public:
  [[nodiscard]] std::shared_ptr<Usage> of(const std::string& principal);

 private:
  std::mutex mutex_;
  std::unordered_map<std::string, std::weak_ptr<Usage>> all_;
};

}  // namespace keyward::proxy
