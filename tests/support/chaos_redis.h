// A man in the middle in front of a real redis-server: passes bytes both ways on loopback and does
// to them what networks and dying servers do.
#pragma once

#include "support/raw_client.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <fcntl.h>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <poll.h>
#include <stdexcept>
#include <string>
#include <string_view>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>
#include <utility>
#include <vector>

namespace keyward::test {

// One thread moves all bytes. A connection whose first request logs in as a leased user ("kw_") is
// a link; faults are for links only, unless the name says all. Every function may be called from
// the test's thread and has taken effect when it returns.
class ChaosRedis {
 public:
  explicit ChaosRedis(std::uint16_t target) : target_(target), port_(free_port()) {
    listen();
    wake_ = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    thread_ = std::thread([this] { run(); });
  }
  ChaosRedis(const ChaosRedis&) = delete;
  ChaosRedis& operator=(const ChaosRedis&) = delete;
  ~ChaosRedis() {
    on_thread([this] { stopping_ = true; });
    thread_.join();
    links_.clear();
    if (listener_ >= 0) ::close(listener_);
    ::close(wake_);
  }
  [[nodiscard]] std::uint16_t port() const { return port_; }

  // Replies travel in pieces of that many bytes, each alone on the wire; 0: as they come.
  void cut_replies_into(std::size_t size) {
    on_thread([=, this] { piece_ = size; });
  }
  // The next `count` bytes of replies arrive, the rest a moment later. Once.
  void pause_after_reply_bytes(std::size_t count) {
    on_thread([=, this] { pause_after_ = count; });
  }
  // After that many more bytes of replies (of all links together) their link dies.
  void kill_after_reply_bytes(std::size_t count) {
    on_thread([=, this] { kill_after_ = count; });
  }
  // A link that carries a request with this text dies: before Redis saw these bytes, or after Redis
  // answered them and without passing the answer on.
  void kill_before_request(const std::string& text) {
    on_thread([=, this] { kill_before_ = text; });
  }
  void kill_instead_of_answer(const std::string& request_text) {
    on_thread([=, this] { kill_instead_ = request_text; });
  }
  // Nothing comes from Redis, or reaches it, until let go.
  void hold_replies(bool on) {
    on_thread([=, this] { hold_replies_ = on; });
  }
  void hold_requests(bool on) {
    on_thread([=, this] { hold_requests_ = on; });
  }
  // New connections lead to another server, as after a failover; those that are there stay.
  void lead_to(std::uint16_t target) {
    on_thread([=, this] { target_ = target; });
  }
  void kill_links() {
    on_thread([this] {
      for (auto& link : links_) {
        if (link->is_link) link->end();
      }
    });
  }
  void kill_all() {
    on_thread([this] {
      for (auto& link : links_) link->end();
    });
  }
  // These bytes arrive on every link as if Redis had sent them.
  void inject(const std::string& bytes) {
    on_thread([=, this] {
      for (auto& link : links_) {
        if (link->is_link) link->down.pending += bytes;
      }
    });
  }
  // These bytes arrive right behind the next reply bytes, in one piece with them. Once.
  void inject_behind_reply(const std::string& bytes) {
    on_thread([=, this] { behind_ = bytes; });
  }
  // New connections are refused by the kernel, or taken again.
  void refuse(bool on) {
    on_thread([=, this] {
      if (on && listener_ >= 0) {
        ::close(std::exchange(listener_, -1));
      } else if (!on && listener_ < 0) {
        listen();
      }
    });
  }

  [[nodiscard]] std::size_t links() {
    std::size_t count = 0;
    on_thread([&] {
      for (auto& link : links_) count += link->is_link && link->client >= 0 ? 1U : 0U;
    });
    return count;
  }
  // What links asked since the last forget_requests(), as bytes.
  [[nodiscard]] std::string requests() {
    std::string copy;
    on_thread([&] { copy = requests_; });
    return copy;
  }
  void forget_requests() {
    on_thread([this] { requests_.clear(); });
  }

 private:
  static constexpr std::size_t kPending = 256UL * 1024;
  static constexpr std::size_t kRemembered = 16UL * 1024 * 1024;

  struct Direction {
    std::string pending;
    bool ended = false;
  };
  struct Connection {
    int client = -1, redis = -1;  // Keyward's side, Redis's side
    Direction up, down;           // requests, replies
    bool is_link = false, knows = false;
    bool dies_at_reply = false;
    Connection() = default;
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;
    ~Connection() { end(); }
    void end() {
      if (client >= 0) ::close(std::exchange(client, -1));
      if (redis >= 0) ::close(std::exchange(redis, -1));
    }
  };

  void listen() {
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    const int on = 1;
    ::setsockopt(listener_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    const sockaddr_in address = loopback(port_);
    if (::bind(listener_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
        ::listen(listener_, 128) != 0) {
      throw std::runtime_error("chaos: cannot listen");
    }
  }
  static sockaddr_in loopback(std::uint16_t port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(port);
    return address;
  }
  static void prepare(int fd) {
    ::fcntl(fd, F_SETFL, O_NONBLOCK);
    const int on = 1;
    ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  }

  void on_thread(std::function<void()> task) {
    std::packaged_task<void()> packed(std::move(task));
    std::future<void> done = packed.get_future();
    {
      const std::lock_guard lock(mutex_);
      tasks_.push_back(std::move(packed));
    }
    const std::uint64_t one = 1;
    if (::write(wake_, &one, sizeof one) < 0) throw std::runtime_error("chaos: eventfd");
    done.wait();
  }
  void run_tasks() {
    std::vector<std::packaged_task<void()>> tasks;
    {
      const std::lock_guard lock(mutex_);
      tasks.swap(tasks_);
    }
    for (auto& task : tasks) task();
  }

  void run() {
    while (!stopping_) {
      std::vector<pollfd> polls{{wake_, POLLIN, 0}};
      if (listener_ >= 0) polls.push_back({listener_, POLLIN, 0});
      for (auto& link : links_) {
        const bool held_up = hold_requests_ && link->is_link;
        const bool held_down = hold_replies_ && link->is_link;
        const bool takes_up = !link->up.ended && link->up.pending.size() < kPending;
        const bool takes_down = !link->down.ended && link->down.pending.size() < kPending;
        const bool gives_up = !held_up && !link->up.pending.empty();
        const bool gives_down = !held_down && !link->down.pending.empty();
        polls.push_back({link->client, events(takes_up, gives_down), 0});
        polls.push_back({link->redis, events(takes_down, gives_up), 0});
      }
      ::poll(polls.data(), polls.size(), 50);
      std::uint64_t ignored = 0;
      if (::read(wake_, &ignored, sizeof ignored) < 0 && errno != EAGAIN) return;
      for (auto& link : links_) move(*link);
      if (listener_ >= 0) accept();
      std::erase_if(links_, [](const auto& link) { return link->client < 0; });
      run_tasks();
      std::erase_if(links_, [](const auto& link) { return link->client < 0; });
    }
  }
  static short events(bool in, bool out) {
    return static_cast<short>((in ? POLLIN : 0) | (out ? POLLOUT : 0));
  }

  void accept() {
    const int client = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (client < 0) return;
    auto link = std::make_unique<Connection>();
    link->client = client;
    link->redis = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const sockaddr_in address = loopback(target_);
    if (::connect(link->redis, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
      return;
    }
    prepare(link->client);
    prepare(link->redis);
    links_.push_back(std::move(link));
  }

  void move(Connection& link) {
    if (!take(link.client, link.up)) return link.end();
    if (!link.knows && !link.up.pending.empty()) {
      link.knows = true;
      link.is_link = link.up.pending.find("kw_") != std::string::npos;
    }
    if (!(link.is_link && hold_requests_) && !forward_requests(link)) return link.end();
    if (!take(link.redis, link.down)) return link.end();
    if (!(link.is_link && hold_replies_) && !forward_replies(link)) return link.end();
    if ((link.up.ended && link.up.pending.empty()) ||
        (link.down.ended && link.down.pending.empty())) {
      link.end();
    }
  }

  // False: the connection broke. An orderly end is noted, what came before it still goes on.
  static bool take(int from, Direction& into) {
    std::array<char, 65536> block;
    while (!into.ended && into.pending.size() < kPending) {
      const ssize_t got = ::recv(from, block.data(), block.size(), 0);
      if (got > 0) {
        into.pending.append(block.data(), static_cast<std::size_t>(got));
      } else if (got == 0) {
        into.ended = true;
      } else {
        return errno == EAGAIN;
      }
    }
    return true;
  }
  static bool give(int to, std::string& bytes, std::size_t count) {
    while (count > 0) {
      const ssize_t sent = ::send(to, bytes.data(), count, MSG_NOSIGNAL);
      if (sent < 0) return errno == EAGAIN;
      bytes.erase(0, static_cast<std::size_t>(sent));
      count -= static_cast<std::size_t>(sent);
    }
    return true;
  }

  bool forward_requests(Connection& link) {
    std::string& bytes = link.up.pending;
    if (bytes.empty()) return true;
    if (link.is_link) {
      if (requests_.size() < kRemembered) requests_.append(bytes);
      if (!kill_before_.empty() && bytes.find(kill_before_) != std::string::npos) {
        kill_before_.clear();
        return false;
      }
      if (!kill_instead_.empty() && bytes.find(kill_instead_) != std::string::npos) {
        kill_instead_.clear();
        link.dies_at_reply = true;
      }
    }
    return give(link.redis, bytes, bytes.size());
  }

  bool forward_replies(Connection& link) {
    std::string& bytes = link.down.pending;
    if (bytes.empty()) return true;
    if (!link.is_link) return give(link.client, bytes, bytes.size());
    if (link.dies_at_reply) return false;
    if (!behind_.empty()) bytes += std::exchange(behind_, {});
    if (pause_after_ > 0) {
      const std::size_t first = std::min(std::exchange(pause_after_, 0), bytes.size());
      if (!give(link.client, bytes, first)) return false;
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
    if (kill_after_ > 0) {
      const std::size_t before = bytes.size();
      const bool dies = kill_after_ <= before;
      if (!give(link.client, bytes, std::min(kill_after_, before)) || dies) {
        kill_after_ = 0;
        return false;
      }
      kill_after_ -= before - bytes.size();
      return true;
    }
    while (piece_ > 0 && !bytes.empty()) {
      const std::size_t before = bytes.size();
      if (!give(link.client, bytes, std::min(piece_, before))) return false;
      if (bytes.size() == before) return true;  // Keyward does not read at the moment
      std::this_thread::sleep_for(std::chrono::microseconds(60));
    }
    return give(link.client, bytes, bytes.size());
  }

  std::uint16_t target_, port_;
  int listener_ = -1, wake_ = -1;
  std::thread thread_;
  std::mutex mutex_;
  std::vector<std::packaged_task<void()>> tasks_;
  // The thread's own.
  std::vector<std::unique_ptr<Connection>> links_;
  std::size_t piece_ = 0, pause_after_ = 0, kill_after_ = 0;
  std::string kill_before_, kill_instead_, behind_, requests_;
  bool hold_replies_ = false, hold_requests_ = false, stopping_ = false;
};

}  // namespace keyward::test
