// Walks a trail offline and names the first bad place of every stream.
#pragma once

#include "keyward/base/result.h"

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace keyward::audit {

struct StreamReport {
  std::string instance, stream;
  std::uint64_t records = 0, files = 0,
                crashes = 0;  // crashes: runs that ended without a stop record
  bool running = false;       // the newest file has no stop record: still written to, or crashed
  bool whole = true;
  // Empty when whole, else one of
  //   altered       a record, or what a start record says, is not what was written; the line named
  //   or the one after it gap           records are missing before the line named repeated      the
  //   line named belongs further up: copied or moved truncated     the file named ends before what
  //   the next one says forked        the file named continues a place that another one continued
  //   missing file  a file is missing before the one named
  //   unreadable    the file named could not be read
  std::string problem;
  std::string file;  // of the first bad place
  std::uint64_t line = 0, sequence = 0;
  std::uint64_t torn_bytes = 0;  // of an unfinished line at the end of the newest file
};

struct VerifyReport {
  std::vector<StreamReport> streams;
  [[nodiscard]] bool whole() const;
};

// `progress(done_bytes, total_bytes)` is called now and then; may be empty. Errors: directory
// unreadable or without a trail.
[[nodiscard]] Result<VerifyReport> verify(
    const std::string& directory,
    const std::function<void(std::uint64_t, std::uint64_t)>& progress = {});

}  // namespace keyward::audit
