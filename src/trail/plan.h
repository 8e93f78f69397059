// Which blocks of a segment have to be read for a query.
#pragma once

#include "trail/index_file.h"

#include "keyward/trail/query.h"

#include <functional>
#include <optional>
#include <string>

namespace keyward::trail {

struct Plan {
  std::string path;
  std::size_t file = 0;  // in the order of the trail
  std::optional<IndexFile> index;
  BlockSet wanted{0};
  bool fresh = false;  // the index was made of the text just now
  // What happened on the way.
  std::string failed;    // the segment cannot be read
  std::string rejected;  // why an index that was there was not used
  bool written = false;  // an index was made and stored
};

struct PlanOptions {
  bool use_index = true;
  bool settled = false;  // nothing is being added to the segment: its index may be stored
};

// Uses the index beside the segment when it is of this very text, else makes one: stored beside a
// settled segment, or of sessions only and kept in memory. `progress` hears of bytes that
// were read for that.
[[nodiscard]] Plan make_plan(const std::string& path, const Query& query,
                             const PlanOptions& options,
                             const std::function<void(std::uint64_t)>& progress);

}  // namespace keyward::trail
