// Tokens that are there already: in a file, behind a command, in this process.
#include "keyward/agent/sources.h"
#include "keyward/base/secret_source.h"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>

#include <sys/stat.h>
#include <thread>
#include <tuple>
#include <utility>

namespace keyward::agent {

namespace {

namespace asio = boost::asio;

class FunctionSource : public TokenSource {
 public:
  FunctionSource(asio::io_context& io, std::string name, std::function<Result<Token>()> make)
      : io_(io), name_(std::move(name)), make_(std::move(make)) {}
  void fetch(Done done) override {
    asio::post(io_,
               [done = std::move(done), token = make_()]() mutable { done(std::move(token)); });
  }
  [[nodiscard]] std::string name() const override { return name_; }

 private:
  asio::io_context& io_;
  std::string name_;
  std::function<Result<Token>()> make_;
};

// Device, inode, size and time of the last change of what a path leads to: a projected volume swaps
// a symbolic link, everybody else renames or writes.
using FileState = std::tuple<dev_t, ino_t, off_t, std::int64_t, std::int64_t>;

FileState state_of(const std::string& path) {
  struct stat facts {};
  if (::stat(path.c_str(), &facts) != 0) return {};
  return {facts.st_dev, facts.st_ino, facts.st_size, facts.st_mtim.tv_sec, facts.st_mtim.tv_nsec};
}

class FileSource final : public FunctionSource {
 public:
  FileSource(asio::io_context& io, const std::string& path)
      : FunctionSource(io, "the file " + path, [this] { return read(); }), path_(path) {}
  [[nodiscard]] bool changed() override { return state_of(path_) != seen_; }

 private:
  // Looked at before it is read: what changes meanwhile is read again.
  Result<Token> read() {
    seen_ = state_of(path_);
    Result<Secret> text = secret_from_file(path_);
    if (!text) return text.error();
    return make_token(std::move(*text), name());
  }
  std::string path_;
  FileState seen_{};
};

// The command runs on a thread of its own, because it may take its time.
class CommandSource final : public TokenSource {
 public:
  CommandSource(asio::io_context& io, std::vector<std::string> argv,
                std::chrono::milliseconds timeout)
      : io_(io), argv_(std::move(argv)), timeout_(timeout) {}
  ~CommandSource() override {
    if (thread_.joinable()) thread_.join();
  }
  void fetch(Done done) override {
    if (thread_.joinable()) thread_.join();
    thread_ = std::thread([this, work = asio::make_work_guard(io_), done = std::move(done)] {
      Result<Secret> text = secret_from_command(argv_, timeout_);
      Result<Token> token =
          text ? make_token(std::move(*text), name()) : Result<Token>(text.error());
      asio::post(io_, [done, token = std::move(token)]() mutable { done(std::move(token)); });
    });
  }
  [[nodiscard]] std::string name() const override { return "the command " + argv_.front(); }

 private:
  asio::io_context& io_;
  std::vector<std::string> argv_;
  std::chrono::milliseconds timeout_;
  std::thread thread_;
};

}  // namespace

std::unique_ptr<TokenSource> file_source(asio::io_context& io, std::string path) {
  return std::make_unique<FileSource>(io, path);
}

std::unique_ptr<TokenSource> command_source(asio::io_context& io, std::vector<std::string> argv,
                                            std::chrono::milliseconds timeout) {
  return std::make_unique<CommandSource>(io, std::move(argv), timeout);
}

std::unique_ptr<TokenSource> function_source(asio::io_context& io, std::string name,
                                             std::function<Result<Token>()> make) {
  return std::make_unique<FunctionSource>(io, std::move(name), std::move(make));
}

}  // namespace keyward::agent
