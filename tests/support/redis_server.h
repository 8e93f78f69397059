// A real redis-server of the test's own: free port, own folder, gone when the object goes or the
// test dies.
#pragma once

#include "support/raw_client.h"
#include "support/temp_dir.h"

#include <hiredis/hiredis.h>

#include <chrono>
#include <cstdint>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <initializer_list>
#include <memory>
#include <signal.h>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <system_error>
#include <thread>
#include <unistd.h>
#include <utility>
#include <vector>

namespace keyward::test {

struct HiredisFree {
  void operator()(redisContext* context) const { redisFree(context); }
  void operator()(redisReply* reply) const { freeReplyObject(reply); }
};
using Reply = std::unique_ptr<redisReply, HiredisFree>;

// A hiredis connection; call() answers null when the connection broke.
class Hiredis {
 public:
  explicit Hiredis(std::uint16_t port) {
    const timeval wait{.tv_sec = 10, .tv_usec = 0};
    context_.reset(redisConnectWithTimeout("127.0.0.1", port, wait));
    if (!context_ || context_->err != 0) throw std::runtime_error("hiredis cannot connect");
    redisSetTimeout(context_.get(), wait);
  }
  Reply call(const std::vector<std::string>& args) {
    append(args);
    return next();
  }
  Reply call(std::initializer_list<std::string_view> args) {
    return call(std::vector<std::string>(args.begin(), args.end()));
  }
  // Pipelining: append() many, then next() once for each.
  void append(const std::vector<std::string>& args) {
    std::vector<const char*> texts;
    std::vector<std::size_t> sizes;
    for (const std::string& arg : args) {
      texts.push_back(arg.data());
      sizes.push_back(arg.size());
    }
    redisAppendCommandArgv(context_.get(), static_cast<int>(args.size()), texts.data(),
                           sizes.data());
  }
  Reply next() {
    void* reply = nullptr;
    if (redisGetReply(context_.get(), &reply) != REDIS_OK) return nullptr;
    return Reply(static_cast<redisReply*>(reply));
  }
  [[nodiscard]] redisContext* get() { return context_.get(); }

 private:
  std::unique_ptr<redisContext, HiredisFree> context_;
};

// Text of a string, status or error reply; "" for anything else.
inline std::string text_of(const Reply& reply) {
  return reply && reply->str != nullptr ? std::string(reply->str, reply->len) : std::string();
}

// `extra` are further words of its command line, for example {"--maxmemory", "10mb"}. Make it on
// the main thread: the server dies with the thread that started it.
class RedisServer {
 public:
  explicit RedisServer(std::vector<std::string> extra = {}) : extra_(std::move(extra)) {
    // Another process may take the free port first; then another one is tried.
    for (int attempt = 0; attempt < 5; ++attempt) {
      port_ = free_port();
      if (start()) return;
    }
    throw std::runtime_error("redis-server does not start:\n" + log());
  }
  RedisServer(const RedisServer&) = delete;
  RedisServer& operator=(const RedisServer&) = delete;
  ~RedisServer() { end(SIGKILL); }

  [[nodiscard]] std::uint16_t port() const { return port_; }
  [[nodiscard]] pid_t pid() const { return pid_; }
  [[nodiscard]] const std::string& dir() const { return dir_.path(); }
  [[nodiscard]] std::string url() const { return "redis://127.0.0.1:" + std::to_string(port_); }
  [[nodiscard]] std::string log() const {
    std::ostringstream text;
    text << std::ifstream(dir_.file("redis.log")).rdbuf();
    return text.str();
  }

  // As a crash. restart() brings an empty server back on the same port.
  void kill() { end(SIGKILL); }
  void restart() {
    end(SIGTERM);
    if (!start()) throw std::runtime_error("redis-server does not come back:\n" + log());
  }
  // A server that takes connections and never answers, until resume().
  void pause() const { ::kill(pid_, SIGSTOP); }
  void resume() const { ::kill(pid_, SIGCONT); }

  [[nodiscard]] RawClient raw() const { return RawClient(port_); }
  [[nodiscard]] Hiredis hiredis() const { return Hiredis(port_); }

 private:
  bool start() {
    std::error_code ignored;
    std::filesystem::remove(dir_.file("redis.log"), ignored);
    std::vector<std::string> words{"redis-server",
                                   "--port",
                                   std::to_string(port_),
                                   "--bind",
                                   "127.0.0.1",
                                   "--save",
                                   "",
                                   "--appendonly",
                                   "no",
                                   "--dir",
                                   dir_.path(),
                                   "--daemonize",
                                   "no",
                                   "--logfile",
                                   dir_.file("redis.log")};
    words.insert(words.end(), extra_.begin(), extra_.end());
    std::vector<char*> argv;
    for (std::string& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    const pid_t parent = ::getpid();
    pid_ = ::fork();
    if (pid_ == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      if (::getppid() != parent) ::_exit(126);
      const int nothing = ::open("/dev/null", O_RDWR | O_CLOEXEC);
      ::dup2(nothing, STDIN_FILENO);
      ::dup2(nothing, STDOUT_FILENO);
      ::execvp(argv[0], argv.data());
      ::_exit(127);
    }
    return pid_ > 0 && wait_until_it_answers();
  }

  bool wait_until_it_answers() {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (std::chrono::steady_clock::now() < deadline) {
      int status = 0;
      if (::waitpid(pid_, &status, WNOHANG) == pid_) {
        pid_ = -1;
        return false;
      }
      RawClient client;
      // The log tells that it is our server that answers, not one that took the port first. One
      // that wants a password answers -NOAUTH: it is up all the same.
      if (log().find("eady to accept connections") != std::string::npos && client.connect(port_) &&
          client.send("PING\r\n")) {
        const std::string answer = client.read_line(std::chrono::milliseconds(1000));
        if (answer.starts_with("+PONG") || answer.starts_with("-NOAUTH") ||
            answer.starts_with("-NOPERM")) {
          return true;
        }
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    end(SIGKILL);
    return false;
  }

  void end(int signal) {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGCONT);
    ::kill(pid_, signal);
    int status = 0;
    ::waitpid(pid_, &status, 0);
    pid_ = -1;
  }

  std::vector<std::string> extra_;
  TempDir dir_;
  std::uint16_t port_ = 0;
  pid_t pid_ = -1;
};

}  // namespace keyward::test
