#include "proxy/rate_waiters.h"

#include <algorithm>

namespace keyward::proxy {

void RateWaiters::wait(RateWaiter& waiter, MonoTime until) {
  waiting_.emplace(until, &waiter);
  arm();
}

void RateWaiters::forget(RateWaiter& waiter) {
  std::erase_if(waiting_, [&](const auto& entry) { return entry.second == &waiter; });
}

void RateWaiters::arm() {
  if (waiting_.empty() || waiting_.begin()->first >= armed_for_) return;
  armed_for_ = waiting_.begin()->first;
  timer_.expires_at(armed_for_);
  timer_.async_wait([this](const boost::system::error_code& error) {
    if (error) return;
    armed_for_ = MonoTime::max();
    wake();
    arm();
  });
}

void RateWaiters::wake() {
  const MonoTime now = std::chrono::steady_clock::now();
  while (!waiting_.empty() && waiting_.begin()->first <= now) {
    RateWaiter* waiter = waiting_.begin()->second;
    waiting_.erase(waiting_.begin());
    waiter->on_rate_over();
  }
}

}  // namespace keyward::proxy
