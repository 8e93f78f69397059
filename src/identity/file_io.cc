#include "identity/file_io.h"

#include "keyward/base/descriptor.h"
#include "keyward/base/hash.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace keyward::identity {

namespace {

Error failure(const std::string& path) {
  return {errno == ENOENT ? Errc::not_found : Errc::io, path + ": " + std::strerror(errno)};
}

FileStamp stamp_of(const struct stat& facts) {
  return {facts.st_mtim.tv_sec, facts.st_mtim.tv_nsec, facts.st_size,
          facts.st_ino,         facts.st_dev,          facts.st_mode};
}

}  // namespace

Result<FileStamp> stamp_file(const std::string& path) {
  struct stat facts {};
  if (::stat(path.c_str(), &facts) != 0) return failure(path);
  return stamp_of(facts);
}

Result<FileContent> read_file(const std::string& path, std::size_t limit) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  struct stat facts {};
  if (file.number() < 0 || ::fstat(file.number(), &facts) != 0) return failure(path);
  if (!S_ISREG(facts.st_mode)) return Error(Errc::invalid, path + ": not a regular file");
  FileContent content{std::string(), stamp_of(facts)};
  char block[8192];
  for (;;) {
    const ssize_t got = ::read(file.number(), block, sizeof block);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return failure(path);
    if (got == 0) return content;
    content.bytes.append(block, static_cast<std::size_t>(got));
    if (content.bytes.size() > limit) {
      return Error(Errc::limit, path + ": above " + std::to_string(limit) + " bytes");
    }
  }
}

Result<std::string> read_bearer(const std::string& path) {
  constexpr std::size_t kMaxBearer = 16UL * 1024;
  auto content = read_file(path, kMaxBearer);
  if (content.has_error()) return content.error();
  std::string& token = content->bytes;
  token.erase(token.find_last_not_of("\r\n") + 1);
  const bool plain =
      std::all_of(token.begin(), token.end(), [](char c) { return c > ' ' && c < 0x7f; });
  if (token.empty() || !plain) return Error(Errc::invalid, path + ": holds no token");
  return "Bearer " + token;
}

Result<void> replace_file(const std::string& path, std::string_view bytes, mode_t mode) {
  const std::string draft = path + "." + hex(random_bytes(6));
  {
    const Descriptor file(
        ::open(draft.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode));
    if (file.number() < 0) return failure(draft);
    bool whole = ::fchmod(file.number(), mode) == 0;  // whatever the umask
    while (whole && !bytes.empty()) {
      const ssize_t put = ::write(file.number(), bytes.data(), bytes.size());
      if (put < 0 && errno == EINTR) continue;
      whole = put > 0;
      if (whole) bytes.remove_prefix(static_cast<std::size_t>(put));
    }
    if (!whole) {
      const Error error = failure(draft);
      ::unlink(draft.c_str());
      return error;
    }
  }
  if (std::rename(draft.c_str(), path.c_str()) != 0) {
    const Error error = failure(path);
    ::unlink(draft.c_str());
    return error;
  }
  return {};
}

}  // namespace keyward::identity
