// Where a verb writes to: standard output, or a file that is there as a whole or not at all.
#pragma once

#include "keyward/base/descriptor.h"
#include "keyward/base/result.h"

#include <string>
#include <string_view>

namespace keyward::cli {

class DraftFile {
 public:
  // Empty: standard output. A file is written beside its place, readable by its owner alone.
  [[nodiscard]] static Result<DraftFile> open(const std::string& path);
  DraftFile(DraftFile&&) noexcept = default;
  DraftFile& operator=(DraftFile&&) noexcept = default;
  ~DraftFile();  // what was not placed goes

  // Buffered. False when it could not be written, or the reader of standard output is gone.
  [[nodiscard]] bool write(std::string_view bytes);
  // The end: on the disk and in its place.
  [[nodiscard]] Result<> place();

 private:
  DraftFile() = default;
  bool flush();

  std::string path_, draft_, buffer_;
  Descriptor file_;
  int out_ = -1;
};

}  // namespace keyward::cli
