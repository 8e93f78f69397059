#include "keyward/proxy/usage.h"

#include <algorithm>

namespace keyward::proxy {

namespace {

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::int64_t kMostDebt = 600 * kSecond;

std::int64_t nanoseconds(MonoTime time) {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(time.time_since_epoch()).count();
}

MonoTime at(std::int64_t time) { return MonoTime(std::chrono::nanoseconds(time)); }

std::int64_t price(std::uint64_t rate, std::uint64_t cost) {
  const double time = static_cast<double>(cost) / static_cast<double>(rate) * kSecond;
  return static_cast<std::int64_t>(std::min(time, static_cast<double>(kMostDebt)));
}

}  // namespace

MonoTime TokenBucket::reserve(std::uint64_t rate, MonoTime now) {
  const std::int64_t cost = price(rate, 1);
  const std::int64_t here = nanoseconds(now);
  std::int64_t seen = full_at_.load(std::memory_order_relaxed);
  std::int64_t next = 0;
  do {
    next = std::max(seen, here) + cost;
  } while (!full_at_.compare_exchange_weak(seen, next, std::memory_order_relaxed));
  return std::max(now, at(next - kSecond));
}

void TokenBucket::give_back(std::uint64_t rate) {
  full_at_.fetch_sub(price(rate, 1), std::memory_order_relaxed);
}

void TokenBucket::spend(std::uint64_t rate, std::uint64_t cost, MonoTime now) {
  const std::int64_t here = nanoseconds(now);
  const std::int64_t time = price(rate, cost);
  std::int64_t seen = full_at_.load(std::memory_order_relaxed);
  std::int64_t next = 0;
  do {
    next = std::min(std::max(seen, here) + time, here + kSecond + kMostDebt);
  } while (!full_at_.compare_exchange_weak(seen, next, std::memory_order_relaxed));
}

MonoTime TokenBucket::ready(MonoTime now) const {
  return std::max(now, at(full_at_.load(std::memory_order_relaxed) - kSecond));
}

bool Usage::connect(std::uint32_t most) {
  const std::uint32_t before = connections_.fetch_add(1, std::memory_order_relaxed);
  if (most == 0 || before < most) return true;
  disconnect();
  return false;
}

std::shared_ptr<Usage> UsageRegistry::of(const std::string& principal) {
  const std::lock_guard lock(mutex_);
  std::weak_ptr<Usage>& place = all_[principal];
  std::shared_ptr<Usage> usage = place.lock();
  if (usage != nullptr) return usage;
  // A new identity is a good moment to forget those that left.
  std::erase_if(
      all_, [&](const auto& entry) { return entry.first != principal && entry.second.expired(); });
  usage = std::make_shared<Usage>();
  place = usage;
  return usage;
}

// Counted apart from Usage: who connects and leaves again and again has none in between.
bool UsageRegistry::may_log_in(const std::string& principal, std::uint32_t most, MonoTime now) {
  if (most == 0) return true;
  const std::lock_guard lock(mutex_);
  if (logins_.size() >= sweep_above_) {
    std::erase_if(logins_, [&](const auto& entry) { return entry.second.over(now); });
    sweep_above_ = std::max<std::size_t>(1024, 2 * logins_.size());
  }
  return logins_[principal].take(most, now);
}

}  // namespace keyward::proxy
