// Reads chunks on several threads and gives out what they found in the order of its time.
#pragma once

#include "trail/chunk.h"

#include <cstddef>
#include <functional>
#include <string_view>
#include <vector>

namespace keyward::trail {

// `chunks` stand in the order of their first time. `read` is called for each, on several threads,
// `take` on the calling one; false ends it all. Holds what was found and waits for older finds of
// others, and stops reading ahead beyond 64 MiB of it.
void in_order(const std::vector<Chunk>& chunks, unsigned threads,
              const std::function<Hits(std::size_t chunk)>& read,
              const std::function<bool(std::string_view text)>& take);

}  // namespace keyward::trail
