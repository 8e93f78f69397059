// Refusals that repeat: the first ones of a kind in a minute are recorded one by one, the others are
// counted, so that a flood of refusals does not become one of the trail. No count is lost. No I/O.
#pragma once

#include "keyward/base/clock.h"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace keyward::audit {

// Owned by one session, or by the control thread.
class Repeats {
 public:
  static constexpr std::uint64_t kRecorded = 100;  // of one kind and minute, one by one
  static constexpr std::size_t kMostKinds = 64;    // beyond, all others are one kind
  static constexpr std::chrono::minutes kPeriod{1};

  // What makes two refusals alike: why, and the rule that came nearest to allowing them.
  struct Like {
    std::string_view reason, grant, file;
    int line = -1;
  };
  // Refusals that were counted and not recorded, `first` to `last` being numbers of commands.
  struct Row {
    std::string reason, grant, file;
    int line = -1;
    std::uint64_t count = 0, first = 0, last = 0;
    WallTime since{};
  };

  // Whether this refusal gets a record of its own; else it is counted.
  [[nodiscard]] bool recorded(const Like& like, std::uint64_t number, MonoTime now, WallTime wall);
  // Hands over, and forgets, the counts of periods that are over; MonoTime::max(): all.
  void take(MonoTime now, const std::function<void(const Row&)>& tell);

 private:
  struct Kind {
    Row row;
    std::uint64_t told = 0;
    MonoTime began{};
  };
  Kind& kind_of(const Like& like, MonoTime now);
  std::vector<Kind> kinds_;
};

}  // namespace keyward::audit
