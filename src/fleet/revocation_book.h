// All revocations that an instance knows, merged from wherever they come, in whatever order and
// however often. Pure.
#pragma once

#include "keyward/fleet/revocations.h"

#include <map>

namespace keyward::fleet {

// An entry never changes but in one direction: it is lifted, and stays so. So it does not matter
// that an old record may come back.
class RevocationBook {
 public:
  enum class News : std::uint8_t { none, added, lifted };

  // None also for what is over at `now`.
  News merge(RevocationEntry entry, WallTime now);
  // Forgets what is over. True: there was something.
  bool expire(WallTime now);

  [[nodiscard]] const RevocationEntry* find(const std::string& id) const;
  [[nodiscard]] std::vector<RevocationEntry> list() const;  // in the order of their times
  [[nodiscard]] std::size_t size() const { return known_.size(); }
  [[nodiscard]] std::size_t active() const { return active_; }
  // What counts. A lease is denied to sessions that began before this instance heard of it: clocks
  // of two instances differ.
  [[nodiscard]] Revocations::Denials denials() const;

 private:
  struct Known {
    RevocationEntry entry;
    WallTime heard{};
  };
  std::map<std::string, Known> known_;
  std::size_t active_ = 0;
};

}  // namespace keyward::fleet
