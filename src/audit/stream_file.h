// The file a stream is written to, held under the stream's lock. Append only; nothing in it is ever
// changed.
#pragma once

#include "keyward/base/descriptor.h"
#include "keyward/base/result.h"

#include <cstddef>
#include <string>
#include <string_view>

namespace keyward::audit {

// Taken for the life of a journal: two processes never write one stream. The kernel gives it back
// when a process dies.
[[nodiscard]] Result<Descriptor> lock_stream(const std::string& directory,
                                             std::string_view instance, std::string_view stream);

// Makes the directory (0700) when it is missing; one that others may write to is refused.
[[nodiscard]] Result<> prepare_directory(const std::string& directory);

class StreamFile {
 public:
  // Makes `directory/name` (0600) with `first_line` in it, under `unfinished_name` until that is
  // written: a crash never leaves a file that says nothing about the one before.
  [[nodiscard]] static Result<StreamFile> create(const std::string& directory,
                                                 const std::string& name,
                                                 std::string_view unfinished_name,
                                                 std::string_view first_line);

  struct Written {
    std::size_t bytes = 0;
    int error = 0;  // errno when not all could be written
  };
  [[nodiscard]] Written write(std::string_view bytes);
  // False when somebody removed the file: what is written then can be read by nobody.
  [[nodiscard]] bool still_named() const;
  void sync();
  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] int descriptor() const { return fd_.number(); }

 private:
  Descriptor fd_;
  std::string path_;
};

}  // namespace keyward::audit
