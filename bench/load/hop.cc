#include "hop.h"

#include "samples.h"

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <sched.h>
#include <thread>

namespace keyward::load {

namespace {

constexpr std::uint32_t kTrips = 4000;
constexpr int kTries = 5;

bool pin(std::uint32_t cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(cpu, &set);
  return sched_setaffinity(0, sizeof set, &set) == 0;
}

void wait_for(const std::atomic<std::uint32_t>& ball, std::uint32_t value) {
  while (ball.load(std::memory_order_acquire) != value) {
  }
}

}  // namespace

int run_hop(const Options& options) {
  if (options.counts.size() != 2 || options.counts[0] == options.counts[1])
    fail("hop needs --counts CPU,CPU");
  std::atomic<std::uint32_t> ball{0};
  std::atomic<bool> pinned{false};
  std::thread other([&] {
    pinned = pin(options.counts[0]);
    for (std::uint32_t trip = 0; trip < kTrips * kTries; ++trip) {
      wait_for(ball, 2 * trip + 1);
      ball.store(2 * trip + 2, std::memory_order_release);
    }
  });
  const bool here = pin(options.counts[1]);
  std::uint64_t best = UINT64_MAX;
  std::uint32_t trip = 0;
  for (int attempt = 0; attempt < kTries; ++attempt) {
    const std::uint64_t start = now();
    for (std::uint32_t end = trip + kTrips; trip < end; ++trip) {
      ball.store(2 * trip + 1, std::memory_order_release);
      wait_for(ball, 2 * trip + 2);
    }
    best = std::min(best, (now() - start) / kTrips);
  }
  other.join();
  if (!here || !pinned) fail("cannot pin to these CPUs");
  std::printf("{\"hop_ns\": %llu}\n", static_cast<unsigned long long>(best));
  return 0;
}

}  // namespace keyward::load
