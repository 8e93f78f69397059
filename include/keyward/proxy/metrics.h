// What a shard counts. Written by the shard, read by the control thread: relaxed atomics, no locks.
#pragma once

#include "keyward/policy/decision.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <string_view>

namespace keyward::proxy {

// Who or what ended a session.
enum class EndedBy : std::uint8_t {
  client,    // it left, or logged in as somebody else
  expired,   // the time of its credential or of its grant was over
  policy,    // a version came into force that grants it nothing, or not what it was doing
  revoked,   // somebody ended it
  limits,    // it took more than it may, or did not take its answers
  protocol,  // it did not keep to the protocol
  redis,     // the connection to Redis that it needed ended
  shutdown,
};
inline constexpr std::array<std::string_view, 8> kEndedBy{
    "client", "expired", "policy", "revoked", "limits", "protocol", "redis", "shutdown"};

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

// How long something took, by bucket. Written by one thread as Counter is.
class Durations {
 public:
  using Time = std::chrono::microseconds;
  // The upper edges; what took longer than the last one is in one more bucket.
  static constexpr std::array kEdges{
      Time(5),       Time(10),        Time(25),        Time(50),        Time(100),
      Time(250),     Time(500),       Time(1'000),     Time(2'500),     Time(5'000),
      Time(10'000),  Time(25'000),    Time(50'000),    Time(100'000),   Time(250'000),
      Time(500'000), Time(1'000'000), Time(2'500'000), Time(10'000'000)};

  void add(std::chrono::nanoseconds took) {
    const auto edge = std::lower_bound(kEdges.begin(), kEdges.end(), took);
    buckets_[static_cast<std::size_t>(edge - kEdges.begin())].add();
    nanoseconds_.add(static_cast<std::uint64_t>(std::max<std::int64_t>(0, took.count())));
  }
  [[nodiscard]] std::uint64_t in_bucket(std::size_t at) const { return buckets_[at].get(); }
  [[nodiscard]] std::chrono::nanoseconds sum() const {
    return std::chrono::nanoseconds(nanoseconds_.get());
  }

 private:
  std::array<Counter, kEdges.size() + 1> buckets_;
  Counter nanoseconds_;
};

// What an accepted login had to wait for, the costliest of it.
enum class LoginWay {
  remembered,  // the verdict was known and the Redis user at hand
  checked,     // the credential was verified here
  leased,      // the Redis user had to be asked for
  asked,       // somebody else was asked about the credential, or for keys
};
inline constexpr std::size_t kLoginWays = 4;
constexpr const char* name(LoginWay way) {
  constexpr const char* kNames[kLoginWays] = {"remembered", "checked", "leased", "asked"};
  return kNames[static_cast<std::size_t>(way)];
}

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
  Counter sessions_renewed, sessions_near_end;
  std::array<Counter, kEndedBy.size()> sessions_ended;  // by EndedBy
  Counter break_glass, break_glass_sessions;
  std::array<Counter, policy::kDenialReasons> would_deny;  // by DenialReason
  std::array<Durations, kLoginWays> logins_took;           // by LoginWay
};

}  // namespace keyward::proxy
