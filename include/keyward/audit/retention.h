// How long closed segments stay.
#pragma once

#include <chrono>
#include <cstdint>

namespace keyward::audit {

// Beyond either the oldest closed segments go; 0 = no bound.
struct Retention {
  std::chrono::seconds age{0};  // since the last record of the segment
  std::uint64_t size = 0;       // bytes on the disk, all streams of the instance
};

}  // namespace keyward::audit
