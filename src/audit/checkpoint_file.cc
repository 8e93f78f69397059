#include "keyward/audit/checkpoint_sink.h"
#include "keyward/base/descriptor.h"

#include <cerrno>
#include <fcntl.h>
#include <system_error>
#include <unistd.h>

namespace keyward::audit {
namespace {

class CheckpointFile final : public CheckpointSink {
 public:
  explicit CheckpointFile(std::string path) : path_(std::move(path)) {}
  [[nodiscard]] const std::string& name() const override { return path_; }
  [[nodiscard]] Result<> put(std::string_view line) override {
    const Descriptor file(::open(path_.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
    if (!file.open()) return failed();
    std::string text(line);
    text += '\n';
    if (torn(file.number())) text.insert(0, 1, '\n');  // what a full disk cut ends here
    if (::write(file.number(), text.data(), text.size()) != static_cast<ssize_t>(text.size()))
      return failed();
    return ::fdatasync(file.number()) == 0 ? Result<>() : failed();
  }

 private:
  [[nodiscard]] Error failed() const {
    return {Errc::io, path_ + ": " + std::generic_category().message(errno)};
  }
  static bool torn(int file) {
    const off_t size = ::lseek(file, 0, SEEK_END);
    char last = '\n';
    return size > 0 && ::pread(file, &last, 1, size - 1) == 1 && last != '\n';
  }

  std::string path_;
};

}  // namespace

std::unique_ptr<CheckpointSink> checkpoint_file(std::string path) {
  return std::make_unique<CheckpointFile>(std::move(path));
}

}  // namespace keyward::audit
