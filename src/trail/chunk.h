// Reads some blocks of one segment and keeps what matches.
#pragma once

#include "trail/plan.h"

#include "keyward/trail/search.h"

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace keyward::trail {

struct Chunk {
  const Plan* plan = nullptr;
  std::vector<std::size_t> blocks;  // rising
  std::uint64_t first_us = 0;       // no record in them is older
};

struct Hit {
  std::uint64_t time_us = 0;
  std::size_t begin = 0, size = 0;  // of its text
};

struct Hits {
  std::vector<Hit> hits;  // as they stand in the segment
  std::string text;
  std::uint64_t count = 0;  // also without texts
  std::uint64_t blocks_read = 0, unreadable = 0;
  std::string failed;
  // The index did not lead to a session that was introduced, or not to where it says: what it says
  // is not to be relied on.
  bool index_wrong = false;
};

using Write = std::function<void(const Record&, std::string& out)>;

[[nodiscard]] Hits read_chunk(const Chunk& chunk, const Query& query, const Write& write);

}  // namespace keyward::trail
