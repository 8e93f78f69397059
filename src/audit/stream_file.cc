#include "audit/stream_file.h"

#include <cerrno>
#include <fcntl.h>
#include <filesystem>
#include <sys/file.h>
#include <sys/stat.h>
#include <system_error>

namespace keyward::audit {
namespace {

Error failed(const std::string& path, int error) {
  return Error(Errc::io, "audit file " + path + ": " + std::generic_category().message(error));
}

}  // namespace

Result<> prepare_directory(const std::string& directory) {
  const std::filesystem::path path(directory);
  std::error_code ignored;  // the mkdir below tells what is wrong
  if (path.has_parent_path()) std::filesystem::create_directories(path.parent_path(), ignored);
  if (::mkdir(directory.c_str(), 0700) != 0 && errno != EEXIST) return failed(directory, errno);
  struct stat facts {};
  if (::stat(directory.c_str(), &facts) != 0) return failed(directory, errno);
  if (!S_ISDIR(facts.st_mode)) return failed(directory, ENOTDIR);
  if ((facts.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
    return Error(Errc::invalid,
                 "audit directory " + directory + " can be written by others; chmod go-w it");
  }
  return {};
}

Result<Descriptor> lock_stream(const std::string& directory, std::string_view instance,
                               std::string_view stream) {
  const std::string path =
      directory + "/" + std::string(instance) + "." + std::string(stream) + ".lock";
  Descriptor fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!fd.open()) return failed(path, errno);
  if (::flock(fd.number(), LOCK_EX | LOCK_NB) == 0) return fd;
  if (errno != EWOULDBLOCK) return failed(path, errno);
  return Error(Errc::unavailable,
               "audit stream " + std::string(instance) + "." + std::string(stream) +
                   " is written by another process; give each instance its own name");
}

Result<StreamFile> StreamFile::create(const std::string& directory, const std::string& name,
                                      std::string_view unfinished_name,
                                      std::string_view first_line) {
  StreamFile file;
  file.path_ = directory + "/" + name;
  const std::string unfinished =
      directory + "/" +
      std::string(unfinished_name);  // an earlier one is the rest of a start that crashed
  ::unlink(unfinished.c_str());
  file.fd_ = Descriptor(
      ::open(unfinished.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0600));
  if (!file.fd_.open()) return failed(unfinished, errno);
  const Written written = file.write(first_line);
  int error = written.error;
  if (error == 0 && ::rename(unfinished.c_str(), file.path_.c_str()) != 0) error = errno;
  if (error != 0) {
    ::unlink(unfinished.c_str());
    return failed(file.path_, error);
  }
  return file;
}

StreamFile::Written StreamFile::write(std::string_view bytes) {
  Written done;
  while (done.bytes < bytes.size()) {
    const ssize_t count =
        ::write(fd_.number(), bytes.data() + done.bytes, bytes.size() - done.bytes);
    if (count > 0) {
      done.bytes += static_cast<std::size_t>(count);
    } else if (count == 0 || errno != EINTR) {
      done.error = count == 0 ? EIO : errno;
      break;
    }
  }
  return done;
}

bool StreamFile::still_named() const {
  struct stat facts {};
  return ::fstat(fd_.number(), &facts) == 0 && facts.st_nlink > 0;
}

void StreamFile::sync() { ::fdatasync(fd_.number()); }

}  // namespace keyward::audit
