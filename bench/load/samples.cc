#include "samples.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <ctime>

namespace keyward::load {

namespace {

std::uint64_t clock_ns(clockid_t which) {
  timespec t{};
  clock_gettime(which, &t);
  return static_cast<std::uint64_t>(t.tv_sec) * 1'000'000'000U +
         static_cast<std::uint64_t>(t.tv_nsec);
}

}  // namespace

std::uint64_t now() { return clock_ns(CLOCK_MONOTONIC); }

double cpu_seconds() { return static_cast<double>(clock_ns(CLOCK_PROCESS_CPUTIME_ID)) * 1e-9; }

std::string Samples::json() {
  std::sort(taken_.begin(), taken_.end());
  const auto at = [this](double part) {
    if (taken_.empty()) return 0.0;
    const double rank = std::ceil(part * static_cast<double>(taken_.size()));
    const std::size_t index = rank < 1 ? 0 : static_cast<std::size_t>(rank) - 1;
    return static_cast<double>(taken_[std::min(index, taken_.size() - 1)]) * kStep * 1e-6;
  };
  double sum = 0;
  for (const std::uint32_t value : taken_) sum += value;
  const double mean = taken_.empty() ? 0 : sum / static_cast<double>(taken_.size()) * kStep * 1e-6;
  char text[256];
  std::snprintf(
      text, sizeof text,
      R"("n": %zu, "mean": %.5f, "p50": %.5f, "p90": %.5f, "p99": %.5f, "p999": %.5f, "max": %.5f)",
      taken_.size(), mean, at(.5), at(.9), at(.99), at(.999), at(1));
  return text;
}

}  // namespace keyward::load
