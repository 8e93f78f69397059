#include "cli/dev_files.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <fstream>
#include <sstream>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

namespace keyward::cli {
namespace {

Error problem(const std::filesystem::path& path) {
  return Error(Errc::io, path.string() + ": " + std::strerror(errno));
}

bool write_all(int descriptor, std::string_view text) {
  while (!text.empty()) {
    const ssize_t count = write(descriptor, text.data(), text.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return false;
    text.remove_prefix(static_cast<std::size_t>(count));
  }
  return true;
}

}  // namespace

DevFiles dev_files(const std::string& state) {
  std::filesystem::path root = std::filesystem::absolute(state).lexically_normal();
  if (root.filename().empty()) root = root.parent_path();  // "dir/" is "dir"
  return {root};
}

Result<> make_folders(const DevFiles& files) {
  for (const auto& folder : {files.root, files.tls(), files.audit(), files.tokens(),
                             files.signing_key().parent_path(), files.redis()}) {
    std::error_code error;
    std::filesystem::create_directories(folder, error);
    if (error) return Error(Errc::io, folder.string() + ": " + error.message());
    if (chmod(folder.c_str(), S_IRWXU) != 0) return problem(folder);
  }
  return {};
}

Result<> write_private(const std::filesystem::path& path, std::string_view text) {
  const std::string draft = path.string() + ".new";
  unlink(draft.c_str());
  const int descriptor =
      open(draft.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, S_IRUSR | S_IWUSR);
  if (descriptor < 0) return problem(draft);
  const bool written = write_all(descriptor, text);
  const Error error = problem(draft);
  close(descriptor);
  if (!written) return error;
  if (rename(draft.c_str(), path.c_str()) != 0) return problem(path);
  return {};
}

Result<std::string> read_whole(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream out;
  out << file.rdbuf();
  if (!file) return Error(Errc::io, "cannot read " + path.string());
  return std::move(out).str();
}

FolderLock::~FolderLock() {
  if (descriptor_ >= 0) close(descriptor_);
}

Result<> FolderLock::take(const std::filesystem::path& path) {
  descriptor_ = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, S_IRUSR | S_IWUSR);
  if (descriptor_ < 0) return problem(path);
  if (flock(descriptor_, LOCK_EX | LOCK_NB) == 0) return {};
  return Error(Errc::unavailable, "another `keyward dev` uses " + path.parent_path().string() +
                                      ": stop it, or choose another folder with --state");
}

}  // namespace keyward::cli
