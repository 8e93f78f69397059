// Reads the streams of all rules, verifies, starts, acknowledges. At least once per event; at most
// once per name where the target knows names.
#pragma once

#include "keyward/audit/journal.h"
#include "keyward/base/clock.h"
#include "keyward/trigger/attestation.h"
#include "keyward/trigger/rule.h"
#include "keyward/trigger/target.h"
#include "keyward/upstream/config.h"

#include <boost/asio/io_context.hpp>

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace keyward::trigger {

// Of one rule since the process began. Written on the engine's thread, read on any.
struct Counters {
  static constexpr std::array<double, 12> kLagBounds = {0.005, 0.01, 0.025, 0.05, 0.1, 0.25,
                                                        0.5,   1,    2.5,   5,    15,  60};
  std::atomic<std::uint64_t> started{0};  // this attempt started it
  std::atomic<std::uint64_t> already{0};  // an earlier one had
  std::atomic<std::uint64_t> refused{0};  // not attested, not by one of the grants, a copy
  std::atomic<std::uint64_t> dead{0};     // no attempt can or could start it
  std::atomic<std::uint64_t> retries{0};  // attempts that are to be repeated
  std::atomic<std::uint64_t> claimed{0};  // taken over from an instance that showed no life
  std::atomic<std::int64_t> under_way{0}, waiting{0};
  std::atomic<bool> breaker_open{false}, up{false};
  // From the time in the entry's id to the target's answer.
  std::array<std::atomic<std::uint64_t>, kLagBounds.size() + 1> lag{};
  std::atomic<std::uint64_t> lag_ms{0};  // sum
};

struct EngineConfig {
  // Where Redis is, with the engine's own user (redis_user.h).
  upstream::UpstreamConfig redis;
  std::string instance;  // the consumer's name in every group
  std::vector<Connection> connections;
  std::chrono::milliseconds claim_after{30'000};
};

// Lives on the thread of its io_context; counters() and what posts itself (set_rules, set_keys) may
// be called from any.
class Engine {
 public:
  // `refused`: Redis refused the login of the user; it may have to be made anew.
  Engine(boost::asio::io_context& io, EngineConfig config, std::unique_ptr<audit::Journal> journal,
         const Clock& clock, std::function<void()> refused);
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  // As a whole. A rule that is as before goes on; of one that changed or went, what is under way is
  // still acknowledged. Without keys nothing is read.
  void set_rules(std::vector<Rule> rules);
  void set_keys(std::shared_ptr<const AttestationKeys> keys);
  // Reads no more, waits at most `within` for answers that are under way, acknowledges them, closes
  // the journal; then `done`, on the engine's thread.
  void drain(std::chrono::milliseconds within, std::function<void()> done);

  // By rule, also of rules that went.
  [[nodiscard]] std::map<std::string, std::shared_ptr<const Counters>> counters() const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace keyward::trigger
