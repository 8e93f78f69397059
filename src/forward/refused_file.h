// Records that a receiver will never take, kept for a person: <instance>.<name>.refused.jsonl.
#pragma once

#include "keyward/base/result.h"

#include <cstdint>
#include <string>
#include <string_view>

namespace keyward::forward {

class RefusedFile {
 public:
  // Never more than twice `most` bytes: a full file becomes <path>.old.
  explicit RefusedFile(std::string path, std::uint64_t most = std::uint64_t{16} << 20);
  // `line`: the record as JSON; empty when it is not known which records they were.
  [[nodiscard]] Result<> add(std::string_view uid, std::string_view why, std::string_view line);

 private:
  std::string path_;
  std::uint64_t most_;
};

}  // namespace keyward::forward
