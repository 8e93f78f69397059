// hiredis's reader as a value parser for whole RESP2 replies.
#pragma once

#include "keyward/base/result.h"
#include "keyward/upstream/control.h"

#include <hiredis/hiredis.h>

#include <memory>
#include <string_view>

namespace keyward::upstream {

// One per connection. hiredis 0.14 refuses replies that nest deeper than nine levels; COMMAND of
// Redis 7 does and is read raw.
class ControlReader {
 public:
  ControlReader() : reader_(redisReaderCreate(), &redisReaderFree) {}
  // `frame` is exactly one reply.
  [[nodiscard]] Result<ControlReply> parse(std::string_view frame);

 private:
  std::unique_ptr<redisReader, decltype(&redisReaderFree)> reader_;
};

}  // namespace keyward::upstream
