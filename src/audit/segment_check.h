// Is one segment whole in itself? What its neighbours and the checkpoints say is held against the
// answer afterwards, so that all segments can be read at once.
#pragma once

#include "audit/walk.h"

#include <cstdint>
#include <functional>
#include <optional>

namespace keyward::audit {

struct SegmentFacts {
  bool sound = false;        // every record is linked to the one before it, nothing else is there
  HexDigest prev = kNoHash;  // what its first record refers to
  std::uint64_t first = 0;   // its number
  std::uint64_t lines = 0;
  std::uint64_t time_us = 0;  // of the last record
  std::optional<StartClaim> claim;
  Standing last;
};

// Marks in it are compared; one that does not agree makes it unsound. `progress` hears of bytes.
[[nodiscard]] SegmentFacts check_segment(const Listed& listed, const Marks* marks,
                                         const std::function<void(std::uint64_t)>& progress);

}  // namespace keyward::audit
