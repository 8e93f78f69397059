#include "keyward/base/secret_source.h"

#include <openssl/crypto.h>

#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <fstream>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

extern char** environ;

namespace keyward {
namespace {

constexpr std::size_t kMaxSecret = 64UL * 1024;

Result<Secret> finish(std::string text, const std::string& source) {
  const std::size_t end = text.find_last_not_of("\r\n");
  const std::size_t keep = end == std::string::npos ? 0 : end + 1;
  OPENSSL_cleanse(text.data() + keep, text.size() - keep);
  text.resize(keep);
  if (text.empty()) return Error(Errc::invalid, source + " is empty");
  return Secret(std::move(text));
}

// Reads until the end, the cap or the deadline.
Result<std::string> read_output(int descriptor, std::chrono::milliseconds deadline,
                                const std::string& source) {
  const auto end = std::chrono::steady_clock::now() + deadline;
  std::string text;
  text.reserve(4096);
  for (;;) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        end - std::chrono::steady_clock::now());
    if (left.count() <= 0) return Error(Errc::timeout, source + " did not finish in time");
    pollfd wait{descriptor, POLLIN, 0};
    const int ready = poll(&wait, 1, static_cast<int>(left.count()));
    if (ready < 0 && errno != EINTR) return Error(Errc::io, source + ": " + std::strerror(errno));
    if (ready <= 0) continue;
    char block[4096];
    const ssize_t count = read(descriptor, block, sizeof block);
    if (count == 0) return text;
    if (count < 0 && errno != EINTR) return Error(Errc::io, source + ": " + std::strerror(errno));
    if (count > 0) text.append(block, static_cast<std::size_t>(count));
    OPENSSL_cleanse(block, sizeof block);
    if (text.size() > kMaxSecret) return Error(Errc::limit, source + " said more than 64 KiB");
  }
}

// The exit status, or -1 when the process had to be killed at the deadline.
int wait_for(pid_t child, std::chrono::milliseconds deadline) {
  const auto end = std::chrono::steady_clock::now() + deadline;
  for (;;) {
    int status = 0;
    const pid_t got = waitpid(child, &status, WNOHANG);
    if (got == child) return status;
    if (got < 0 && errno != EINTR) return -1;
    if (std::chrono::steady_clock::now() >= end) break;
    poll(nullptr, 0, 5);
  }
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  return -1;
}

// Starts argv with its output in a pipe; the reading end, or -1 with errno.
int spawn(const std::vector<std::string>& argv, pid_t& child) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return -1;
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  std::vector<char*> arguments;
  for (const std::string& argument : argv) arguments.push_back(const_cast<char*>(argument.c_str()));
  arguments.push_back(nullptr);
  // Signals that this process blocks or ignores are its own affair.
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t none, ignored;
  sigemptyset(&none);
  sigemptyset(&ignored);
  sigaddset(&ignored, SIGPIPE);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &ignored);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  const int code =
      posix_spawnp(&child, arguments[0], &actions, &attributes, arguments.data(), environ);
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  close(ends[1]);
  if (code == 0) return ends[0];
  close(ends[0]);
  errno = code;
  return -1;
}

}  // namespace

Result<Secret> secret_from_file(const std::string& path) {
  const std::string source = "the secret file " + path;
  std::ifstream file(path, std::ios::binary);
  if (!file) return Error(Errc::io, source + " cannot be read");
  std::string text(kMaxSecret + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(file.gcount()));
  if (text.size() > kMaxSecret) return Error(Errc::limit, source + " is longer than 64 KiB");
  return finish(std::move(text), source);
}

Result<Secret> secret_from_environment(const std::string& name) {
  const char* value = std::getenv(name.c_str());
  const std::string source = "the environment variable " + name;
  if (value == nullptr) return Error(Errc::not_found, source + " is not set");
  return finish(value, source);
}

Result<Secret> secret_from_command(const std::vector<std::string>& argv,
                                   std::chrono::milliseconds deadline) {
  if (argv.empty()) return Error(Errc::invalid, "the secret command is empty");
  const std::string source = "the secret command " + argv.front();
  pid_t child = -1;
  const int output = spawn(argv, child);
  if (output < 0) return Error(Errc::io, source + " cannot be started: " + std::strerror(errno));
  auto text = read_output(output, deadline, source);
  close(output);
  const int status = wait_for(child, text ? deadline : std::chrono::milliseconds(0));
  if (!text) return text.error();
  if (status != 0) return Error(Errc::unavailable, source + " failed");
  return finish(std::move(*text), source);
}

}  // namespace keyward
