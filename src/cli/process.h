// What a serving process does to itself before it holds secrets.
#pragma once

#include <string>

#include "keyward/base/result.h"

namespace keyward::cli {

// No core files and no attaching of debuggers by the same user: the memory holds tokens and passwords.
void forbid_core_dumps();
// Raises the soft limit of open files to the hard one and logs it.
void raise_file_limit();

// Written at once, removed at the end. An empty path is no file.
class PidFile {
 public:
  PidFile() = default;
  PidFile(const PidFile&) = delete;
  PidFile& operator=(const PidFile&) = delete;
  ~PidFile();
  [[nodiscard]] Result<> write(const std::string& path);

 private:
  std::string path_;
};

}  // namespace keyward::cli
