#include "cli/child_output.h"

#include "keyward/base/descriptor.h"

#include <array>
#include <cerrno>
#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <system_error>

extern char** environ;  // NOLINT: POSIX names it so

namespace keyward::cli {
namespace {

constexpr std::size_t kMost = std::size_t{64} << 20;

Result<pid_t> start(const std::vector<std::string>& argv, int output) {
  std::vector<char*> words;
  for (const std::string& word : argv) words.push_back(const_cast<char*>(word.c_str()));
  words.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, output, 1);
  posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
  pid_t pid = 0;
  const int code = ::posix_spawnp(&pid, words[0], &actions, nullptr, words.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (code != 0) return Error(Errc::io, argv[0] + ": " + std::generic_category().message(code));
  return pid;
}

}  // namespace

Result<std::string> child_output(const std::vector<std::string>& argv) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return Error(Errc::io, "no pipe");
  const Descriptor reading(ends[0]);
  Descriptor writing(ends[1]);
  const auto pid = start(argv, writing.number());
  writing.reset();
  if (!pid) return pid.error();
  std::string out;
  std::array<char, 65536> block{};
  bool too_much = false;
  while (true) {
    const ssize_t count = ::read(reading.number(), block.data(), block.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) break;
    too_much = too_much || out.size() + static_cast<std::size_t>(count) > kMost;
    if (!too_much) out.append(block.data(), static_cast<std::size_t>(count));
  }
  int status = 0;
  while (::waitpid(*pid, &status, 0) < 0 && errno == EINTR) {
  }
  if (too_much) return Error(Errc::limit, argv[0] + ": it wrote more than 64 MiB");
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
    return Error(Errc::invalid, argv[0] + " " + argv.back() + ": it failed");
  return out;
}

}  // namespace keyward::cli
