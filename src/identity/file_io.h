// Small files read whole under a cap, and written in one step.
#pragma once

#include "keyward/base/result.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <sys/types.h>

namespace keyward::identity {

// Tells two states of a file apart without reading it.
struct FileStamp {
  std::int64_t seconds = 0, nanoseconds = 0, size = -1;
  std::uint64_t inode = 0, device = 0;
  mode_t mode = 0;
  friend bool operator==(const FileStamp&, const FileStamp&) = default;
};
struct FileContent {
  std::string bytes;
  FileStamp stamp;
};

[[nodiscard]] Result<FileStamp> stamp_file(const std::string& path);
// Regular files only.
[[nodiscard]] Result<FileContent> read_file(const std::string& path, std::size_t limit);
// "Bearer " and the token in the file, without line ends; an error names the file only.
[[nodiscard]] Result<std::string> read_bearer(const std::string& path);
// Into a new file beside it, then renamed: readers see the old content or the new one.
[[nodiscard]] Result<void> replace_file(const std::string& path, std::string_view bytes,
                                        mode_t mode);

}  // namespace keyward::identity
