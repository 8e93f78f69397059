// A second place for checkpoints, so that what happens to the trail cannot happen to them as well.
#pragma once

#include "keyward/base/result.h"

#include <memory>
#include <string>
#include <string_view>

namespace keyward::audit {

// Used on the keeper's thread only. It may take a while, within bounds of its own: checkpoints
// wait.
class CheckpointSink {
 public:
  virtual ~CheckpointSink() = default;
  [[nodiscard]] virtual const std::string& name() const = 0;  // for log lines
  // The record's line without its newline. After an error the same line comes again; lines may be
  // left out when too many wait, for each one covers all before it.
  [[nodiscard]] virtual Result<> put(std::string_view line) = 0;
};

// Appends to a file (0600) and syncs it. One that is moved away or removed is made anew.
[[nodiscard]] std::unique_ptr<CheckpointSink> checkpoint_file(std::string path);

}  // namespace keyward::audit
