#include "keyward/proxy/usage.h"

namespace keyward::proxy {

bool Usage::connect(std::uint32_t most) {
  const std::uint32_t before = connections_.fetch_add(1, std::memory_order_relaxed);
  if (most == 0 || before < most) return true;
  disconnect();
  return false;
}

bool Usage::take_command(std::uint32_t per_second, MonoTime now) {
  const std::int64_t second =
      std::chrono::duration_cast<std::chrono::seconds>(now.time_since_epoch()).count();
  std::int64_t seen = second_.load(std::memory_order_relaxed);
  if (seen != second && second_.compare_exchange_strong(seen, second, std::memory_order_relaxed)) {
    used_.store(0, std::memory_order_relaxed);
  }
  return used_.fetch_add(1, std::memory_order_relaxed) < per_second;
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

}  // namespace keyward::proxy
