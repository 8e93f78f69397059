// Sessions that are slowed down: one timer of the shard wakes each when its grants let it go on.
#pragma once

#include "keyward/base/clock.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include <map>

namespace keyward::proxy {

class RateWaiter {
 public:
  virtual ~RateWaiter() = default;
  virtual void on_rate_over() = 0;
};

// Owned by a shard, used on its thread. Each waits at most once at a time.
class RateWaiters {
 public:
  explicit RateWaiters(boost::asio::io_context& io) : timer_(io) {}
  void wait(RateWaiter& waiter, MonoTime until);
  void forget(RateWaiter& waiter);

 private:
  void arm();
  void wake();
  std::multimap<MonoTime, RateWaiter*> waiting_;
  MonoTime armed_for_ = MonoTime::max();
  boost::asio::steady_timer timer_;
};

}  // namespace keyward::proxy
