// Whether a file is another one than before, without reading it.
#pragma once

#include <cstdint>
#include <string>
#include <sys/stat.h>

namespace keyward::upstream {

// Kubernetes replaces a folder behind a link, editors rename: the inode tells those apart.
struct FileStamp {
  std::uint64_t device = 0, inode = 0;
  std::int64_t size = -1, seconds = 0, nanoseconds = 0;
  friend bool operator==(const FileStamp&, const FileStamp&) = default;
};

// All zero for a file that is not there.
[[nodiscard]] inline FileStamp file_stamp(const std::string& path) {
  struct stat facts {};
  if (path.empty() || ::stat(path.c_str(), &facts) != 0) return {};
  return {facts.st_dev, facts.st_ino, facts.st_size, facts.st_mtim.tv_sec, facts.st_mtim.tv_nsec};
}

}  // namespace keyward::upstream
