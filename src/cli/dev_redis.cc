#include "cli/dev_redis.h"

#include "cli/dev_files.h"

#include "keyward/base/hash.h"

#include <arpa/inet.h>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstring>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

namespace keyward::cli {
namespace {

using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

constexpr auto kStartDeadline = 10s;
constexpr auto kStopDeadline = 5s;
constexpr int kCannotRun = 127;

// What Keyward's control connection says; no key but those of the fleet, and no channel.
constexpr const char* kAdminRights =
    "resetkeys resetchannels -@all +auth +hello +ping +info +command +acl|setuser +acl|deluser "
    "+acl|users +acl|getuser +acl|whoami +acl|dryrun +acl|log +client|id +client|setname "
    "+client|getname +client|list +client|kill +client|unblock "
    "~keyward:fleet:* +set +getrange +del +hset +hgetall +hdel +zadd +zrem "
    "+zrange +zremrangebyscore +memory|usage";

sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

int on_loopback(int (*action)(int, const sockaddr*, socklen_t), int descriptor,
                std::uint16_t port) {
  const sockaddr_in address = loopback(port);
  return action(descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof address);
}

bool takes_connections(std::uint16_t port) {
  const int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (descriptor < 0) return false;
  const bool connected = on_loopback(::connect, descriptor, port) == 0;
  close(descriptor);
  return connected;
}

// Runs in the child between fork and exec: only calls that are safe there.
[[noreturn]] void become_redis(const char* configuration, int log, pid_t parent) {
  setsid();  // Ctrl-C at the terminal is for keyward, which drains first and then ends this process
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (getppid() != parent) _exit(kCannotRun);  // the parent ended before the line above
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  const int nothing = open("/dev/null", O_RDONLY);
  dup2(nothing, STDIN_FILENO);
  dup2(log, STDOUT_FILENO);
  dup2(log, STDERR_FILENO);
  execlp("redis-server", "redis-server", configuration, static_cast<char*>(nullptr));
  _exit(kCannotRun);
}

Error ended(int status, const std::filesystem::path& log) {
  if (WIFEXITED(status) && WEXITSTATUS(status) == kCannotRun) {
    return Error(Errc::not_found,
                 "redis-server is not installed: apt install redis-server, or use --redis URL");
  }
  return Error(Errc::unavailable, "redis-server ended at once, see " + log.string());
}

// The port of the last run, so that a client that talks to Redis itself finds it again.
std::uint16_t remembered_port(const std::filesystem::path& file) {
  const auto text = read_whole(file);
  std::uint16_t port = 0;
  if (text) std::from_chars(text->data(), text->data() + text->size(), port);
  return port;
}

Result<> wait_until_up(pid_t child, std::uint16_t port, const std::filesystem::path& log) {
  const auto deadline = Clock::now() + kStartDeadline;
  while (!takes_connections(port)) {
    int status = 0;
    if (waitpid(child, &status, WNOHANG) == child) return ended(status, log);
    if (Clock::now() > deadline) {
      kill(child, SIGKILL);
      waitpid(child, nullptr, 0);
      return Error(Errc::timeout, "redis-server took no connection in 10 s, see " + log.string());
    }
    poll(nullptr, 0, 5);
  }
  return {};
}

}  // namespace

std::string redis_configuration(const std::filesystem::path& folder, std::uint16_t port,
                                const Secret& password) {
  std::string out;
  out += "bind 127.0.0.1\n";
  out += "port " + std::to_string(port) + "\n";
  out += "dir \"" + folder.string() + "\"\n";
  out += "logfile \"" + (folder / "redis.log").string() + "\"\n";
  out += "daemonize no\nsave \"\"\nappendonly no\nacl-pubsub-default resetchannels\n";
  out += "user default off\n";
  out.append("user ").append(kAdminUser).append(" on #").append(hex(sha256(password.reveal())));
  out.append(" ").append(kAdminRights).append("\n");
  return out;
}

Result<std::uint16_t> free_loopback_port(std::uint16_t wanted) {
  const int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (descriptor < 0) return Error(Errc::io, std::string("socket: ") + std::strerror(errno));
  if (on_loopback(::bind, descriptor, wanted) != 0 && on_loopback(::bind, descriptor, 0) != 0) {
    close(descriptor);
    return Error(Errc::io, std::string("no free port on 127.0.0.1: ") + std::strerror(errno));
  }
  sockaddr_in got{};
  socklen_t size = sizeof got;
  getsockname(descriptor, reinterpret_cast<sockaddr*>(&got), &size);
  close(descriptor);
  return ntohs(got.sin_port);
}

Result<std::unique_ptr<DevRedis>> DevRedis::start(const std::filesystem::path& folder,
                                                  const Secret& password) {
  const auto port = free_loopback_port(remembered_port(folder / "port"));
  if (!port) return port.error();
  const auto configuration = folder / "redis.conf";
  const auto log_path = folder / "redis.log";
  if (auto done = write_private(configuration, redis_configuration(folder, *port, password));
      !done) {
    return done.error();
  }
  if (auto done = write_private(folder / "port", std::to_string(*port)); !done) return done.error();
  const int log = open(log_path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (log < 0) return Error(Errc::io, log_path.string() + ": " + std::strerror(errno));
  const pid_t parent = getpid();
  const pid_t child = fork();
  if (child == 0) become_redis(configuration.c_str(), log, parent);
  close(log);
  if (child < 0) return Error(Errc::io, std::string("fork: ") + std::strerror(errno));
  if (auto up = wait_until_up(child, *port, log_path); !up) return up.error();
  return std::unique_ptr<DevRedis>(new DevRedis(child, *port));
}

DevRedis::~DevRedis() {
  kill(pid_, SIGTERM);
  const auto deadline = Clock::now() + kStopDeadline;
  while (waitpid(pid_, nullptr, WNOHANG) == 0) {
    if (Clock::now() > deadline) {
      kill(pid_, SIGKILL);
      waitpid(pid_, nullptr, 0);
      return;
    }
    poll(nullptr, 0, 5);
  }
}

}  // namespace keyward::cli
