// What becomes of closed segments: compressed, and removed when they are old enough.
#pragma once

#include "keyward/audit/retention.h"
#include "keyward/audit/trail_files.h"
#include "keyward/base/clock.h"
#include "keyward/base/result.h"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace keyward::audit {

// Makes the compressed form of a plain segment beside it, reads it back, and removes the plain one.
// `between` is called after each MiB that was read or written. A crash at any point leaves the
// plain one or both.
[[nodiscard]] Result<> compress_segment(const TrailFile& file,
                                        const std::function<void()>& between);

struct Stored {
  TrailFile file;
  std::uint64_t bytes = 0;  // on the disk
  WallTime until{};         // of its last change
  bool closed = false;
};

// On the disk, of all of them together.
[[nodiscard]] std::uint64_t bytes_of(const std::vector<Stored>& all);

// The segments of one instance, in the order of list_trail().
[[nodiscard]] Result<std::vector<Stored>> stored_segments(const std::string& directory,
                                                          std::string_view instance);

// The one to remove next: the oldest of a stream, closed, which `may_go` lets go. By age any that
// is older; by size the one with the oldest last change.
[[nodiscard]] std::optional<std::size_t> next_to_remove(
    const std::vector<Stored>& all, const Retention& retention, WallTime now,
    const std::function<bool(std::size_t)>& may_go);

[[nodiscard]] Result<> remove_segment(const TrailFile& file);

}  // namespace keyward::audit
