// The facts of a trail: all cores, one pass over the records, and a short one before it over the
// few that say when access changed.
#pragma once

#include "keyward/audit/lines.h"
#include "keyward/base/result.h"
#include "keyward/report/facts.h"
#include "keyward/trail/reader.h"

#include <string>

namespace keyward::report {

struct ReadTrail {
  Period period;  // as it was asked for; a beginning of 0 is that of the trail
  Marks marks;
  Facts facts;
  trail::ReadCounts counts;
};

struct ReadFrom {
  std::string directory;
  Period period;
  unsigned threads = 0;  // 0 = one per core
  audit::Progress progress{};
};

// Errors: no directory, or one without a trail.
[[nodiscard]] Result<ReadTrail> read_trail(const ReadFrom& from);

// How wide a step of time is in charts of a period: from a minute to a month of thirty days.
[[nodiscard]] std::uint64_t step_for(const Period& period);

}  // namespace keyward::report
