#include "cli/draft_file.h"

#include <cerrno>
#include <cstdio>
#include <fcntl.h>
#include <system_error>
#include <unistd.h>

namespace keyward::cli {
namespace {

constexpr std::size_t kBuffer = std::size_t{1} << 18;

Error failed(const std::string& path) {
  return {Errc::io, path + ": " + std::generic_category().message(errno)};
}

}  // namespace

Result<DraftFile> DraftFile::open(const std::string& path) {
  DraftFile file;
  if (path.empty()) {
    file.out_ = STDOUT_FILENO;
    return file;
  }
  file.path_ = path;
  std::string draft = path + "." + std::to_string(::getpid()) + ".new";
  file.file_.reset(
      ::open(draft.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!file.file_.open()) return failed(draft);
  file.draft_ = std::move(draft);
  file.out_ = file.file_.number();
  return file;
}

DraftFile::~DraftFile() {
  if (!draft_.empty()) ::unlink(draft_.c_str());
}

bool DraftFile::write(std::string_view bytes) {
  buffer_ += bytes;
  return buffer_.size() < kBuffer || flush();
}

bool DraftFile::flush() {
  std::string_view rest = buffer_;
  while (!rest.empty()) {
    const ssize_t count = ::write(out_, rest.data(), rest.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return false;
    rest.remove_prefix(static_cast<std::size_t>(count));
  }
  buffer_.clear();
  return true;
}

Result<> DraftFile::place() {
  if (!flush()) return failed(path_.empty() ? "standard output" : path_);
  if (draft_.empty()) return {};
  if (::fsync(out_) != 0 || ::rename(draft_.c_str(), path_.c_str()) != 0) return failed(path_);
  draft_.clear();
  return {};
}

}  // namespace keyward::cli
