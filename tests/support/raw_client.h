// A blocking TCP connection to 127.0.0.1 for tests: bytes out, bytes in, every wait with a
// deadline.
#pragma once

#include "keyward/resp/reply_scanner.h"
#include "keyward/resp/writer.h"

#include <algorithm>
#include <arpa/inet.h>
#include <chrono>
#include <cstdint>
#include <initializer_list>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdexcept>
#include <string>
#include <string_view>
#include <sys/socket.h>
#include <unistd.h>
#include <utility>
#include <vector>

namespace keyward::test {

// A port of 127.0.0.1 that was free a moment ago.
inline std::uint16_t free_port() {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  const bool found = ::bind(fd, generic, size) == 0 && ::getsockname(fd, generic, &size) == 0;
  ::close(fd);
  if (!found) throw std::runtime_error("no free port");
  return ntohs(address.sin_port);
}

class RawClient {
 public:
  using Wait = std::chrono::milliseconds;
  static constexpr Wait kWait{5000};

  RawClient() = default;
  // Throws when nothing listens there.
  explicit RawClient(std::uint16_t port) {
    if (!connect(port)) throw std::runtime_error("cannot connect to port " + std::to_string(port));
  }
  RawClient(RawClient&& other) noexcept
      : fd_(std::exchange(other.fd_, -1)),
        closed_(other.closed_),
        ahead_(std::move(other.ahead_)) {}
  RawClient& operator=(RawClient&& other) noexcept {
    if (this != &other) {
      close();
      fd_ = std::exchange(other.fd_, -1);
      closed_ = other.closed_;
      ahead_ = std::move(other.ahead_);
    }
    return *this;
  }
  ~RawClient() { close(); }

  // `from`: 127.0.0.<from> instead of the kernel's choice.
  [[nodiscard]] bool connect(std::uint16_t port, std::uint32_t from = 0) {
    close();
    fd_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    if (from > 0) {
      address.sin_addr.s_addr = htonl(INADDR_LOOPBACK - 1 + from);
      if (::bind(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) return false;
    }
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(port);
    if (::connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
      close();
      return false;
    }
    const int on = 1;
    ::setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    closed_ = false;
    return true;
  }
  void close() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
    closed_ = true;
    ahead_.clear();
  }
  // Ends our direction; the other side reads an end of file.
  void finish() { ::shutdown(fd_, SHUT_WR); }
  [[nodiscard]] int fd() const { return fd_; }
  // True after the other side closed and all it had sent was read.
  [[nodiscard]] bool closed() const { return closed_ && ahead_.empty(); }

  // False when the other side no longer takes bytes.
  bool send(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
  }
  bool send(std::initializer_list<std::string_view> args) {
    std::string out;
    resp::write_request(out, std::vector<std::string_view>(args));
    return send(out);
  }

  // What is there, waiting for at least one byte; "" after the wait or at the end.
  std::string read_some(Wait wait = kWait) {
    if (ahead_.empty()) fill(std::chrono::steady_clock::now() + wait);
    return std::exchange(ahead_, {});
  }
  // Exactly `count` bytes, or fewer after the wait or at the end.
  std::string read(std::size_t count, Wait wait = kWait) {
    const auto deadline = std::chrono::steady_clock::now() + wait;
    while (ahead_.size() < count && fill(deadline)) {
    }
    return take(std::min(count, ahead_.size()));
  }
  // Up to and with the line feed, or what came until the wait or the end.
  std::string read_line(Wait wait = kWait) {
    const auto deadline = std::chrono::steady_clock::now() + wait;
    std::size_t end = ahead_.find('\n');
    while (end == std::string::npos && fill(deadline)) end = ahead_.find('\n');
    return take(end == std::string::npos ? ahead_.size() : end + 1);
  }
  // All until the other side closes; closed() tells whether it did within the wait.
  std::string read_to_end(Wait wait = kWait) {
    const auto deadline = std::chrono::steady_clock::now() + wait;
    while (fill(deadline)) {
    }
    return std::exchange(ahead_, {});
  }
  // The bytes of one whole reply (RESP2 or RESP3), or "" after the wait, at the end, or when it is
  // no RESP.
  std::string read_reply(Wait wait = kWait) {
    const auto deadline = std::chrono::steady_clock::now() + wait;
    resp::ReplyScanner scanner;
    std::size_t seen = 0;
    while (true) {
      const auto progress = scanner.feed(std::string_view(ahead_).substr(seen));
      if (progress.bad) return {};
      seen += progress.used;
      if (progress.done) return take(seen);
      if (!fill(deadline)) return {};
    }
  }
  // One command and its reply.
  std::string call(std::initializer_list<std::string_view> args, Wait wait = kWait) {
    return send(args) ? read_reply(wait) : std::string();
  }

 private:
  using Time = std::chrono::steady_clock::time_point;

  bool fill(Time deadline) {
    if (closed_) return false;
    const auto left = std::chrono::duration_cast<Wait>(deadline - std::chrono::steady_clock::now());
    pollfd poll{.fd = fd_, .events = POLLIN, .revents = 0};
    if (::poll(&poll, 1, static_cast<int>(std::max<Wait::rep>(0, left.count()))) <= 0) return false;
    char block[65536];
    const ssize_t got = ::recv(fd_, block, sizeof block, 0);
    if (got <= 0) {
      closed_ = true;
      return false;
    }
    ahead_.append(block, static_cast<std::size_t>(got));
    return true;
  }
  std::string take(std::size_t count) {
    std::string out = ahead_.substr(0, count);
    ahead_.erase(0, count);
    return out;
  }

  int fd_ = -1;
  bool closed_ = true;
  std::string ahead_;
};

}  // namespace keyward::test
