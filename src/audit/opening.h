// What the records of commands and refusals of one session begin with: made once and hashed once,
// then copied. It ends where the number of the record begins.
#pragma once

#include "audit/sha256.h"

#include <cstddef>
#include <cstdint>
#include <string>

namespace keyward::audit {

struct Opening {
  std::uint64_t chapter = 0;  // of the trail, in which the `session` record stands
  std::uint32_t db = 0;
  std::string text;
  Sha256::State state{};   // after `hashed` bytes of the text
  std::size_t hashed = 0;  // whole blocks
};

}  // namespace keyward::audit
