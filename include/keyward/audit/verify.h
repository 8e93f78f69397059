// Walks a trail offline and names the first bad place of every stream.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "keyward/base/result.h"

namespace keyward::audit {

struct StreamReport {
  std::string instance, stream;
  std::uint64_t records = 0, files = 0, crashes = 0;  // crashes: runs that ended without a stop record
  bool running = false;   // the newest file has no stop record: still written to, or crashed
  bool whole = true;
  std::string problem;    // "altered", "gap", "truncated", "forked", "missing file"; empty when whole
  std::string file;       // of the first bad place
  std::uint64_t line = 0, sequence = 0;
};

struct VerifyReport {
  std::vector<StreamReport> streams;
  [[nodiscard]] bool whole() const;
};

// `progress(done_bytes, total_bytes)` is called now and then; may be empty. Errors: directory unreadable or without a trail.
[[nodiscard]] Result<VerifyReport> verify(const std::string& directory,
                                          const std::function<void(std::uint64_t, std::uint64_t)>& progress = {});

}  // namespace keyward::audit
