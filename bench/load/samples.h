// Latencies, kept one by one: percentiles are exact, by sorting.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace keyward::load {

// Nanoseconds of the monotonic clock.
std::uint64_t now();

// CPU seconds that this process has used.
double cpu_seconds();

class Samples {
 public:
  // Memory is taken before the run, so that no latency pays for it.
  void reserve(std::size_t count) { taken_.reserve(count); }
  void add(std::uint64_t nanoseconds) {
    const std::uint64_t steps = nanoseconds / kStep;
    taken_.push_back(steps > UINT32_MAX ? UINT32_MAX : static_cast<std::uint32_t>(steps));
  }
  [[nodiscard]] std::size_t count() const { return taken_.size(); }

  // `"n": 5, "p50": 0.1, ...` in milliseconds; sorts.
  [[nodiscard]] std::string json();

 private:
  static constexpr std::uint64_t kStep = 10;  // ns; 32 bits then reach 42 s

  std::vector<std::uint32_t> taken_;
};

}  // namespace keyward::load
