// A clock that is read once a turn: commands of one turn share a reading, which is older than the
// truth by at most what the turn took.
#pragma once

#include "keyward/base/clock.h"
#include "keyward/net/turn.h"

namespace keyward::net {

// Owned by a shard, used on its thread. Outside of a turn (timers, other threads' posts) it is the
// clock behind it.
class TurnClock final : public Clock {
 public:
  TurnClock(const Clock& behind, const Turn& turn) : behind_(behind), turn_(turn) {}
  [[nodiscard]] WallTime wall() const override { return fresh() ? behind_.wall() : wall_; }
  [[nodiscard]] MonoTime mono() const override { return fresh() ? behind_.mono() : mono_; }

 private:
  // True outside of a turn; inside, makes sure that this turn's reading is there.
  bool fresh() const {
    if (!turn_.inside()) return true;
    if (read_in_ != turn_.number()) {
      read_in_ = turn_.number();
      wall_ = behind_.wall();
      mono_ = behind_.mono();
    }
    return false;
  }
  const Clock& behind_;
  const Turn& turn_;
  mutable std::uint64_t read_in_ = 0;
  mutable WallTime wall_{};
  mutable MonoTime mono_{};
};

}  // namespace keyward::net
