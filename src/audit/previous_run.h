// Where the segment before ended: what the next one continues and vouches for in its first record.
#pragma once

#include "audit/chain.h"

#include "keyward/audit/trail_files.h"
#include "keyward/base/result.h"

#include <cstdint>
#include <string>
#include <string_view>

namespace keyward::audit {

struct PreviousRun {
  std::string file;              // name; empty = there was none
  std::uint64_t sequence = 0;    // of its last whole record
  HexDigest hash = kNoHash;      // of that record
  std::uint64_t time_us = 0;     // of that record
  bool stopped = false;          // that record is a stop record and nothing follows it
  bool rotated = false;          // the same run goes on in the next segment
  std::uint64_t torn_bytes = 0;  // what follows it: a line that a crash cut, or damage
  HexDigest torn_hash = kNoHash;

  // ,"file":"<own>","previous":{...} (or null) for unmapped.keyward of a segment's first record.
  [[nodiscard]] std::string claim(std::string_view own_file) const;
};

// Reads the end of `file`. An error when it holds no whole record at all: it must be looked at, not
// continued.
[[nodiscard]] Result<PreviousRun> read_previous_run(const TrailFile& file);

// What the first record of a segment says about the one before; nullopt when the line is no such
// record.
struct StartClaim {
  std::string own_file;
  std::string signed_by;  // the key of the checkpoints; only a start record says it
  PreviousRun previous;
};
[[nodiscard]] std::optional<StartClaim> parse_claim(std::string_view line);

}  // namespace keyward::audit
