// When work that can wait should rest, so that it takes what others leave of the machine. Niceness
// alone does not do that: it counts only among the threads of one cgroup or session (sched(7),
// "The autogroup feature"), and Redis is in another.
#pragma once

#include "audit/archive.h"

#include "keyward/audit/retention.h"
#include "keyward/base/clock.h"

#include <chrono>
#include <cstdint>
#include <vector>

namespace keyward::audit {

// Asked after every piece of the work, which should take a few milliseconds. One thread's.
class Patience {
 public:
  static constexpr std::chrono::milliseconds kLeast{16}, kMost{1000};

  // Twice as long after each piece during which somebody else took the core, half as long after
  // each that was left alone.
  [[nodiscard]] std::chrono::milliseconds after(bool interrupted) {
    if (interrupted) {
      rest_ = rest_.count() == 0 ? kLeast : std::min(2 * rest_, kMost);
    } else {
      rest_ = rest_ <= kLeast ? std::chrono::milliseconds(0) : rest_ / 2;
    }
    return rest_;
  }

 private:
  std::chrono::milliseconds rest_{0};
};

// How often the calling thread lost its core while it still had work (getrusage(2), ru_nivcsw).
[[nodiscard]] std::uint64_t interruptions_of_thread();

// Closed segments that are not compressed yet: bytes, and since when the oldest waits.
struct Backlog {
  std::uint64_t bytes = 0;
  WallTime since = WallTime::max();
};
[[nodiscard]] Backlog backlog_of(const std::vector<Stored>& all);

// What waits costs only disk, so it may wait while there is plenty: not beyond an eighth of what is
// free (bytes, of the file system), an hour, or the retention's size.
[[nodiscard]] bool pressing(const std::vector<Stored>& all, const Retention& retention,
                            std::uint64_t free, WallTime now);

// Of the file system of that folder; 0 when it cannot be told.
[[nodiscard]] std::uint64_t free_bytes(const std::string& directory);

}  // namespace keyward::audit
