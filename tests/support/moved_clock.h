// The machine's clock, moved: its wall time as an operator or NTP moves it, while monotonic time
// goes on as it was; or both, as if so much time had passed.
#pragma once

#include "keyward/base/clock.h"

#include <atomic>
#include <chrono>

namespace keyward::test {

class MovedClock final : public Clock {
 public:
  [[nodiscard]] WallTime wall() const override {
    return system_.wall() + std::chrono::microseconds(shift_.load());
  }
  [[nodiscard]] MonoTime mono() const override {
    return system_.mono() + std::chrono::microseconds(passed_.load());
  }

  void set_wall(WallTime now) { shift_ = (now - system_.wall()).count(); }
  void step(std::chrono::microseconds by) { shift_ += by.count(); }
  void skip(std::chrono::microseconds by) {
    shift_ += by.count();
    passed_ += by.count();
  }

 private:
  SystemClock system_;
  std::atomic<std::int64_t> shift_{0}, passed_{0};
};

}  // namespace keyward::test
