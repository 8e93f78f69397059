// Where a record stands in its stream.
#pragma once

#include "keyward/base/clock.h"

#include <cstdint>
#include <string_view>

namespace keyward::audit {

struct RecordPlace {
  std::uint64_t sequence = 0;
  std::string_view prev;  // 64 hex digits
  WallTime time{};        // never before the previous record's
  WallTime clock{};       // what the clock really said
};

}  // namespace keyward::audit
