// What a shard counts. Written by the shard, read by the control thread: relaxed atomics, no locks.
#pragma once

#include "keyward/policy/decision.h"

#include <array>
#include <atomic>
#include <cstdint>

namespace keyward::proxy {

class Counter {
 public:
  void add(std::uint64_t count = 1) {
    // One writer: a plain load and store is enough and cheaper than a locked add.
    value_.store(value_.load(std::memory_order_relaxed) + count, std::memory_order_relaxed);
  }
  void subtract(std::uint64_t count = 1) {
    value_.store(value_.load(std::memory_order_relaxed) - count, std::memory_order_relaxed);
  }
  void set(std::uint64_t value) { value_.store(value, std::memory_order_relaxed); }
  [[nodiscard]] std::uint64_t get() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

struct Metrics {
  Counter connections, connections_total, connections_refused, handshake_failures;
  Counter logins, logins_refused, logins_undecided, sessions_expired;
  Counter commands, denied, malformed, protocol_errors;
  Counter state_changing, outcome_unknown, drift;
  Counter bytes_in, bytes_out;
  Counter upstream_links, upstream_lent, upstream_opened, upstream_lost;
  Counter audit_records, audit_bytes, audit_failures, audit_healthy;
  Counter stalled_clients, output_overruns;
  Counter sessions_judged_anew, sessions_revoked;
  Counter break_glass, break_glass_sessions;
  std::array<Counter, policy::kDenialReasons> would_deny;  // by DenialReason
};

}  // namespace keyward::proxy
