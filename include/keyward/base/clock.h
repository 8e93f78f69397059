// Wall and monotonic time behind one interface, so that tests own it.
#pragma once

#include <chrono>

namespace keyward {

using WallTime = std::chrono::sys_time<std::chrono::microseconds>;  // UTC
using MonoTime = std::chrono::steady_clock::time_point;

class Clock {
 public:
  virtual ~Clock() = default;
  [[nodiscard]] virtual WallTime wall() const = 0;
  [[nodiscard]] virtual MonoTime mono() const = 0;
};

class SystemClock final : public Clock {
 public:
  [[nodiscard]] WallTime wall() const override {
    return std::chrono::floor<std::chrono::microseconds>(std::chrono::system_clock::now());
  }
  [[nodiscard]] MonoTime mono() const override { return std::chrono::steady_clock::now(); }
};

// Moves only when told.
class FakeClock final : public Clock {
 public:
  [[nodiscard]] WallTime wall() const override { return wall_; }
  [[nodiscard]] MonoTime mono() const override { return mono_; }
  void advance(std::chrono::microseconds step) {
    wall_ += step;
    mono_ += step;
  }
  void set_wall(WallTime now) { wall_ = now; }

 private:
  WallTime wall_{std::chrono::seconds(1'800'000'000)};
  MonoTime mono_{std::chrono::hours(1)};
};

}  // namespace keyward
