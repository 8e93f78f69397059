#include "connections.h"

#include "arrival.h"
#include "samples.h"

#include <cstdio>
#include <iostream>
#include <poll.h>
#include <sys/epoll.h>
#include <unistd.h>

namespace keyward::load {

namespace {

constexpr double kNs = 1e9;

class Churn {
 public:
  explicit Churn(const Options& options)
      : options_(options),
        target_(options),
        secrets_(options),
        lanes_(options.conns),
        poll_(epoll_create1(EPOLL_CLOEXEC)) {}

  int run() {
    for (Lane& lane : lanes_) begin(lane);
    loop(options_.warm);
    measuring_ = true;
    const double cpu = cpu_seconds();
    const std::uint64_t start = now();
    const std::size_t tickets = target_.tickets();
    std::puts("go");
    std::fflush(stdout);
    loop(options_.secs);
    const double seconds = static_cast<double>(now() - start) / kNs;
    const double used = cpu_seconds() - cpu;
    std::puts("end");
    std::fflush(stdout);
    std::printf(
        R"({"ops": %.1f, "secs": %.4f, "client_cpu": %.6f, "answered": %zu, "resumed": %zu, )"
        R"("tickets": %zu, "logins": %zu, %s})"
        "\n",
        static_cast<double>(taken_.count()) / seconds, seconds, used, taken_.count(), resumed_,
        target_.tickets() - tickets, secrets_.taken(), taken_.json().c_str());
    return 0;
  }

 private:
  struct Lane {
    std::unique_ptr<Arrival> arrival;
    std::uint64_t begun = 0;
  };

  void begin(Lane& lane) {
    lane.begun = now();
    lane.arrival =
        std::make_unique<Arrival>(target_, secrets_.next(), options_.refused, options_.ping);
    if (lane.arrival->advance() == Arrival::State::failed) fail(lane.arrival->error);
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.ptr = &lane;
    epoll_ctl(poll_, EPOLL_CTL_ADD, lane.arrival->connection->fd(), &event);
  }

  void loop(double seconds) {
    const std::uint64_t until = now() + static_cast<std::uint64_t>(seconds * kNs);
    while (now() < until) {
      epoll_event events[64];
      const int ready = epoll_wait(poll_, events, 64, 5'000);
      if (ready <= 0) fail("the server left a connection without an answer for 5 s");
      for (int at = 0; at < ready; ++at) {
        Lane& lane = *static_cast<Lane*>(events[at].data.ptr);
        const Arrival::State state = lane.arrival->advance();
        if (state == Arrival::State::going) continue;
        if (state == Arrival::State::failed) fail(lane.arrival->error);
        if (measuring_) {
          taken_.add(now() - lane.begun);
          resumed_ += lane.arrival->connection->resumed() ? 1 : 0;
        }
        begin(lane);  // closes the one before
      }
    }
  }

  const Options& options_;
  Target target_;
  Secrets secrets_;
  std::vector<Lane> lanes_;
  int poll_;
  bool measuring_ = false;
  Samples taken_;
  std::size_t resumed_ = 0;
};

// One PING, waited for.
bool answers(Connection& connection) {
  connection.out = command({"PING"});
  if (connection.flush() != Io::done) return false;
  for (int tries = 0; tries < 4; ++tries) {
    pollfd ready{connection.fd(), POLLIN, 0};
    if (poll(&ready, 1, 2'000) <= 0 || connection.receive() == Io::closed) return false;
    if (connection.input().substr(0, 7) == "+PONG\r\n") return true;
  }
  return false;
}

class Burst {
 public:
  explicit Burst(const Options& options)
      : options_(options),
        target_(options),
        secrets_(options),
        poll_(epoll_create1(EPOLL_CLOEXEC)) {
    arrivals_.reserve(options.conns);
    for (Samples* samples : {&handshakes_, &logins_}) samples->reserve(options.conns);
  }

  int run() {
    std::puts("go");
    std::fflush(stdout);
    const double cpu = cpu_seconds();
    const std::uint64_t start = now();
    while (done_ < options_.conns) {
      while (arrivals_.size() < options_.conns && arrivals_.size() - done_ < options_.width)
        begin();
      advance();
    }
    const double seconds = static_cast<double>(now() - start) / kNs;
    const double used = cpu_seconds() - cpu;
    std::puts("end");
    std::fflush(stdout);
    std::printf(R"({"ops": %.1f, "secs": %.4f, "client_cpu": %.6f, "answered": %u, "resumed": 0, )"
                R"("logins": %zu, "handshake": {%s}, %s})"
                "\n",
                static_cast<double>(done_) / seconds, seconds, used, done_, secrets_.taken(),
                handshakes_.json().c_str(), logins_.json().c_str());
    return 0;
  }

 private:
  struct Lane {
    Arrival arrival;
    std::uint64_t begun;
  };

  void begin() {
    const std::uint64_t begun = now();
    arrivals_.push_back(
        std::make_unique<Lane>(Lane{Arrival(target_, secrets_.next(), false, false), begun}));
    Lane& lane = *arrivals_.back();
    if (lane.arrival.advance() == Arrival::State::failed) fail(lane.arrival.error);
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.ptr = &lane;
    epoll_ctl(poll_, EPOLL_CTL_ADD, lane.arrival.connection->fd(), &event);
  }

  void advance() {
    epoll_event events[256];
    const int ready = epoll_wait(poll_, events, 256, 20'000);
    if (ready <= 0) fail("the server left a login without an answer for 20 s");
    for (int at = 0; at < ready; ++at) {
      Lane& lane = *static_cast<Lane*>(events[at].data.ptr);
      const Arrival::State state = lane.arrival.advance();
      if (state == Arrival::State::going) continue;
      if (state == Arrival::State::failed) fail(lane.arrival.error);
      epoll_ctl(poll_, EPOLL_CTL_DEL, lane.arrival.connection->fd(), nullptr);
      handshakes_.add(lane.arrival.asked - lane.begun);
      logins_.add(now() - lane.arrival.asked);
      lane.arrival.connection->rest();
      ++done_;
    }
  }

  const Options& options_;
  Target target_;
  Secrets secrets_;
  std::vector<std::unique_ptr<Lane>> arrivals_;
  int poll_;
  std::uint32_t done_ = 0;
  Samples handshakes_, logins_;
};

}  // namespace

int run_logins(const Options& options) { return Burst(options).run(); }

int run_churn(const Options& options) { return Churn(options).run(); }

int run_hold(const Options& options) {
  Target target(options);
  Secrets secrets(options);
  std::vector<std::unique_ptr<Connection>> held;
  std::string line;
  for (const std::uint32_t count : options.counts) {
    const std::uint64_t start = now();
    const double cpu = cpu_seconds();
    const std::size_t before = held.size();
    if (count > before)
      arrive(target, secrets, count - static_cast<std::uint32_t>(before), 64, held);
    std::printf(R"({"held": %zu, "opened": %zu, "secs": %.4f, "client_cpu": %.6f})"
                "\n",
                held.size(), held.size() - before, static_cast<double>(now() - start) / kNs,
                cpu_seconds() - cpu);
    std::fflush(stdout);
    if (!std::getline(std::cin, line)) return 1;
  }
  std::size_t alive = 0;
  for (const auto& connection : held) alive += answers(*connection) ? 1 : 0;
  std::printf(R"({"alive": %zu})"
              "\n",
              alive);
  return 0;
}

}  // namespace keyward::load
