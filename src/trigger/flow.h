// The events of one rule at one instance, from read to acknowledged: what may start now, what waits
// for how long, what is dead. No I/O, no clock: time is passed in. One thread.
#pragma once

#include "keyward/base/clock.h"
#include "keyward/trigger/event.h"
#include "keyward/trigger/target.h"

#include <cstdint>
#include <map>
#include <optional>
#include <random>
#include <vector>

namespace keyward::trigger {

class Flow {
 public:
  Flow(const Rule& rule, std::uint64_t seed);

  // Events that it still takes: twice the concurrency are held, so that starting never waits for
  // reading.
  [[nodiscard]] std::size_t room() const;
  [[nodiscard]] bool holds(EntryId id) const { return held_.contains(id); }
  // A verified event; false when it is held already. `again`: an instance, this one or another, had
  // it before and may have started it; the first attempt counts as a later one.
  bool take(Event event, MonoTime now, bool again = false);
  // One that is only to be buried: it never starts.
  bool take_dead(EntryId id);

  // The event to start now, which is then under way; or nothing, and when to ask again unless an
  // answer comes first.
  struct Next {
    const Event* event = nullptr;
    std::uint32_t attempt = 0;
    std::optional<MonoTime> wake;
  };
  [[nodiscard]] Next next(MonoTime now);

  enum class After : std::uint8_t { acknowledge, wait, bury };
  // What to do with an event that was under way. With `bury` the reason is the answer's, or
  // "attempts" when there were too many.
  [[nodiscard]] After answered(EntryId id, const Answer& answer, MonoTime now);
  // Acknowledged, or buried, in Redis.
  void gone(EntryId id) { held_.erase(id); }

  // All that this instance claims: for the sign of life.
  [[nodiscard]] std::vector<EntryId> held() const;
  [[nodiscard]] const Event* find(EntryId id) const;
  // Others may have claimed what waits: it is theirs. What is under way or to be acknowledged
  // stays.
  void give_up_waiting();

  [[nodiscard]] bool breaker_open(MonoTime now) const { return now < closed_until_; }
  [[nodiscard]] std::size_t under_way() const { return under_way_; }
  [[nodiscard]] std::size_t waiting() const { return held_.size() - under_way_ - settled(); }

 private:
  enum class State : std::uint8_t { waiting, under_way, settled };
  struct Held {
    Event event;
    State state = State::waiting;
    std::uint32_t attempts = 0;  // here
    bool again = false;
    MonoTime due{};
  };
  [[nodiscard]] std::size_t settled() const;
  [[nodiscard]] std::optional<MonoTime> held_back(MonoTime now);
  [[nodiscard]] std::chrono::milliseconds pause(std::uint32_t attempts);
  void failed(MonoTime now);

  std::size_t concurrency_;
  std::uint32_t rate_;
  policy::TriggerRetry retry_;
  policy::TriggerBreaker breaker_;
  std::mt19937_64 random_;
  std::map<EntryId, Held> held_;  // in the order of the stream
  std::size_t under_way_ = 0;
  double tokens_;
  MonoTime tokens_at_{};
  std::uint32_t failures_ = 0;  // in a row
  MonoTime closed_until_{};     // the breaker is open until then
};

}  // namespace keyward::trigger
