// Makes the index of a segment from its text.
#pragma once

#include "trail/blocks.h"
#include "trail/terms.h"

#include "keyward/audit/segment.h"
#include "keyward/base/hash.h"
#include "keyward/base/result.h"

#include <cstdint>
#include <functional>
#include <string>

namespace keyward::trail {

struct BuildOptions {
  std::uint32_t fields = kAllFields;
  // What is looked for now: `Built::matching` says which blocks have such records.
  const Query* query = nullptr;
  std::function<void(std::uint64_t)> progress{};  // hears of bytes read
};
struct Built {
  std::string image;
  BlockSet matching{0};
};

// Words that are too many for the memory that is allowed (kMostWords) leave their field out, and
// the index says so.
[[nodiscard]] Result<Built> build_index(audit::Segment& segment, const BuildOptions& options);

// SHA-256 of the last whole line that begins in the last 2 MiB of the text.
[[nodiscard]] Result<Digest> last_line_of(audit::Segment& segment);

// As a whole, or not at all; readable by the owner of the segment alone.
[[nodiscard]] Result<> store_index(const std::string& segment_path, std::string_view image);

}  // namespace keyward::trail
