// What one identity uses of the whole process: connections and commands, for the limits of its
// grants.
#pragma once

#include "keyward/base/clock.h"
#include "keyward/proxy/roster.h"
#include "keyward/proxy/sources.h"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>

namespace keyward::proxy {

// Refills at `rate` a second and holds one second's share: a single atomic, the time at which it
// would be full again. Any thread.
class TokenBucket {
 public:
  // Takes one, now or later: from when on it may be spent. Who asks first comes first.
  [[nodiscard]] MonoTime reserve(std::uint64_t rate, MonoTime now);
  // A reserved one that was not spent.
  void give_back(std::uint64_t rate);
  // Takes `cost` that is spent already, also more than there is: the debt is paid by waiting, ten
  // minutes at most.
  void spend(std::uint64_t rate, std::uint64_t cost, MonoTime now);
  // From when on something may be spent.
  [[nodiscard]] MonoTime ready(MonoTime now) const;

 private:
  std::atomic<std::int64_t> full_at_{0};  // of the clock, in nanoseconds
};

// Shared by the sessions of one identity on all shards.
class Usage {
 public:
  // False: that would be more than `most` (0 = no limit).
  [[nodiscard]] bool connect(std::uint32_t most);
  void disconnect() { connections_.fetch_sub(1, std::memory_order_relaxed); }
  [[nodiscard]] Roster& roster() { return roster_; }
  [[nodiscard]] TokenBucket& commands() { return commands_; }
  [[nodiscard]] TokenBucket& bytes() { return bytes_; }
  [[nodiscard]] std::uint32_t connections() const {
    return connections_.load(std::memory_order_relaxed);
  }

 private:
  Roster roster_;
  std::atomic<std::uint32_t> connections_{0};
  TokenBucket commands_, bytes_;
};

// All identities with a connection. Any thread; the lock is taken at login only.
class UsageRegistry {
 public:
  [[nodiscard]] std::shared_ptr<Usage> of(const std::string& principal);
  // A login of it. False: it had `most` of them in this minute (0 = no limit).
  [[nodiscard]] bool may_log_in(const std::string& principal, std::uint32_t most, MonoTime now);

 private:
  std::mutex mutex_;
  std::unordered_map<std::string, std::weak_ptr<Usage>> all_;
  std::unordered_map<std::string, MinuteCount> logins_;  // while there is a limit
  std::size_t sweep_above_ = 1024;
};

}  // namespace keyward::proxy
