#include "traffic.h"

#include "arrival.h"
#include "requests.h"
#include "samples.h"

#include <cmath>
#include <cstdio>
#include <deque>
#include <sys/epoll.h>
#include <sys/prctl.h>

namespace keyward::load {

namespace {

constexpr double kNs = 1e9;
constexpr std::uint64_t kDrain = 2'000'000'000;  // after the end, for what is under way

struct Client {
  std::unique_ptr<Connection> connection;
  std::vector<Request> ring;  // under way, oldest at head; a power of two
  std::size_t head = 0, tail = 0;
  std::uint32_t depth = 1;
  bool heavy = false, waiting = false, writable = true;

  [[nodiscard]] std::size_t under_way() const { return tail - head; }
  void push(const Request& request) { ring[tail++ & (ring.size() - 1)] = request; }
  [[nodiscard]] const Request& oldest() const { return ring[head & (ring.size() - 1)]; }
};

class Traffic {
 public:
  explicit Traffic(const Options& options);
  int run();

 private:
  void begin();
  void loop(std::uint64_t until, bool issue);
  void wait(std::uint64_t until, bool issue);
  void on_readable(Client& client);
  void judge(Client& client, std::uint64_t at);
  void refill(Client& client, std::uint64_t at);
  void schedule(std::uint64_t at, std::uint64_t until);
  void hand_out();
  void flush(Client& client);
  void idle(Client& client);
  void report(double seconds, double cpu);

  const Options& options_;
  Target target_;
  Requests requests_;
  std::vector<std::unique_ptr<Client>> clients_;
  int poll_;
  bool open_, measuring_ = false, issuing_ = false;
  std::uint64_t measured_from_ = 0, measured_to_ = 0;
  double next_ = 0;           // open: when the next request is due, ns
  std::deque<Request> due_;   // open: no connection was free
  std::deque<Client*> free_;  // open: connections with room
  Samples light_, heavy_, late_;
  std::uint64_t answered_ = 0, unfinished_ = 0;
};

Traffic::Traffic(const Options& options)
    : options_(options),
      target_(options),
      requests_(options),
      poll_(epoll_create1(EPOLL_CLOEXEC)),
      open_(options.mode == Mode::open) {
  prctl(PR_SET_TIMERSLACK, 1);
  const double expected = open_ ? options.rate * options.secs * 1.1 : 2e6 * options.secs;
  light_.reserve(static_cast<std::size_t>(expected) + 1000);
  if (options.heavy > 0) heavy_.reserve(light_.count() + 1'000'000);
  if (open_) late_.reserve(static_cast<std::size_t>(expected) + 1000);
}

void Traffic::begin() {
  Secrets secrets(options_);
  std::vector<std::unique_ptr<Connection>> connections;
  arrive(target_, secrets, options_.conns + options_.heavy, 64, connections);
  for (auto& connection : connections) {
    auto client = std::make_unique<Client>();
    client->heavy = clients_.size() >= options_.conns;
    client->depth = client->heavy ? options_.heavy_pipe : options_.pipe;
    std::size_t room = 1;
    while (room < client->depth) room *= 2;
    client->ring.resize(room);
    client->connection = std::move(connection);
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.ptr = client.get();
    epoll_ctl(poll_, EPOLL_CTL_ADD, client->connection->fd(), &event);
    clients_.push_back(std::move(client));
  }
}

// A full socket is told to epoll; the rest leaves when it has room.
void Traffic::flush(Client& client) {
  const Io io = client.connection->flush();
  if (io == Io::closed) fail("the server closed a connection");
  const bool writable = io == Io::done;
  if (writable == client.writable) return;
  client.writable = writable;
  epoll_event event{};
  event.events = writable ? EPOLLIN : EPOLLIN | EPOLLOUT;
  event.data.ptr = &client;
  epoll_ctl(poll_, EPOLL_CTL_MOD, client.connection->fd(), &event);
}

void Traffic::refill(Client& client, std::uint64_t at) {
  while (client.under_way() < client.depth) {
    const Request request = requests_.draw(at);
    requests_.append(request, client.connection->out);
    client.push(request);
  }
  flush(client);
}

void Traffic::idle(Client& client) {
  if (client.waiting || client.under_way() >= client.depth) return;
  client.waiting = true;
  free_.push_back(&client);
}

// Everything that is due by now, whether a connection is free or not.
void Traffic::schedule(std::uint64_t at, std::uint64_t until) {
  using Spacing = Options::Spacing;
  const bool step = options_.spacing == Spacing::step;
  const double gap = kNs / options_.rate * (step ? options_.conns : 1);
  while (next_ <= static_cast<double>(at) && next_ < static_cast<double>(until)) {
    const auto due = static_cast<std::uint64_t>(next_);
    for (std::uint32_t count = step ? options_.conns : 1; count > 0; --count) {
      due_.push_back(requests_.draw(due));
      if (measuring_) late_.add(at - due);
    }
    next_ += options_.spacing == Spacing::poisson ? -std::log(requests_.uniform()) * gap : gap;
  }
}

void Traffic::hand_out() {
  while (!due_.empty() && !free_.empty()) {
    Client& client = *free_.front();
    free_.pop_front();
    client.waiting = false;
    requests_.append(due_.front(), client.connection->out);
    client.push(due_.front());
    due_.pop_front();
    flush(client);
    idle(client);
  }
}

void Traffic::judge(Client& client, std::uint64_t at) {
  while (client.under_way() > 0) {
    const std::string_view input = client.connection->input();
    if (input.empty()) return;
    const Request& request = client.oldest();
    std::size_t length = 0;
    const Requests::Check check = requests_.check(request, input, length);
    if (check == Requests::Check::wrong) {
      fail("wrong answer to " + std::string(request.get ? "GET" : "SET") + " of key " +
           std::to_string(request.key) + ": " + std::string(input.substr(0, 80)));
    }
    if (check == Requests::Check::partial) return client.connection->make_room(length);
    client.connection->consume(length);
    const bool counts =
        open_ ? request.at >= measured_from_ && request.at < measured_to_ : measuring_;
    if (counts) {
      (client.heavy ? heavy_ : light_).add(at - request.at);
      ++answered_;
    }
    ++client.head;
  }
  if (!client.connection->input().empty()) fail("an answer that nobody asked for");
}

void Traffic::on_readable(Client& client) {
  do {
    const Io io = client.connection->receive();
    if (io == Io::closed) fail("the server closed a connection");
    if (io == Io::wait) break;
    judge(client, now());
  } while (client.connection->pending());
  if (open_) return idle(client);
  if (issuing_) refill(client, now());
}

void Traffic::wait(std::uint64_t until, bool issue) {
  epoll_event events[512];
  // An open loop spins: a timer's lateness would be counted against the server.
  const int patience = open_ && issue ? 0 : 20;
  const int ready = epoll_wait(poll_, events, 512, patience);
  for (int at = 0; at < ready; ++at) {
    auto& client = *static_cast<Client*>(events[at].data.ptr);
    if ((events[at].events & EPOLLOUT) != 0) flush(client);
    if ((events[at].events & ~static_cast<std::uint32_t>(EPOLLOUT)) != 0) on_readable(client);
  }
  if (!open_) return;
  if (issue) schedule(now(), until);
  hand_out();
}

void Traffic::loop(std::uint64_t until, bool issue) {
  issuing_ = issue;
  while (now() < until) {
    wait(until, issue);
    if (issue) continue;
    bool busy = !due_.empty();
    for (const auto& client : clients_) busy = busy || client->under_way() > 0;
    if (!busy) return;
  }
}

void Traffic::report(double seconds, double cpu) {
  const std::string light = light_.json();
  std::printf(
      R"({"ops": %.1f, "secs": %.4f, "client_cpu": %.6f, "answered": %llu, "unfinished": %llu, %s)",
      static_cast<double>(answered_) / seconds, seconds, cpu,
      static_cast<unsigned long long>(answered_), static_cast<unsigned long long>(unfinished_),
      light.c_str());
  if (options_.heavy > 0) std::printf(R"(, "heavy": {%s})", heavy_.json().c_str());
  if (open_) std::printf(R"(, "late": {%s})", late_.json().c_str());
  std::puts("}");
}

int Traffic::run() {
  begin();
  std::uint64_t start = now();
  next_ = static_cast<double>(start);
  issuing_ = true;
  for (const auto& client : clients_) open_ ? idle(*client) : refill(*client, start);
  loop(start + static_cast<std::uint64_t>(options_.warm * kNs), true);

  measured_from_ = now();
  measured_to_ = measured_from_ + static_cast<std::uint64_t>(options_.secs * kNs);
  measuring_ = true;
  const double cpu = cpu_seconds();
  std::puts("go");
  std::fflush(stdout);
  loop(measured_to_, true);
  measuring_ = false;
  const std::uint64_t end = now();
  const double used = cpu_seconds() - cpu;
  std::puts("end");
  std::fflush(stdout);

  loop(end + kDrain, false);
  if (open_) {  // what never got its answer waited at least until now
    const std::uint64_t last = now();
    const auto lost = [&](const Request& request) {
      if (request.at < measured_from_ || request.at >= measured_to_) return;
      light_.add(last - request.at);
      ++unfinished_;
    };
    for (const Request& request : due_) lost(request);
    for (const auto& client : clients_) {
      for (; client->under_way() > 0; ++client->head) lost(client->oldest());
    }
  }
  report(static_cast<double>(end - measured_from_) / kNs, used);
  return 0;
}

}  // namespace

int run_traffic(const Options& options) { return Traffic(options).run(); }

int run_fill(const Options& options) {
  Target target(options);
  Requests requests(options);
  Secrets secrets(options);
  std::vector<std::unique_ptr<Connection>> one;
  arrive(target, secrets, 1, 1, one);
  Connection& connection = *one.front();
  epoll_event event{};
  event.events = EPOLLIN | EPOLLOUT;
  const int poll = epoll_create1(EPOLL_CLOEXEC);
  epoll_ctl(poll, EPOLL_CTL_ADD, connection.fd(), &event);
  constexpr std::uint32_t kAhead = 64;
  std::uint32_t sent = 0;
  for (std::uint32_t done = 0; done < options.keys;) {
    while (sent < options.keys && sent - done < kAhead) {
      requests.append({0, ++sent, false}, connection.out);
    }
    if (connection.flush() == Io::closed) fail("the server closed the connection");
    if (epoll_wait(poll, &event, 1, 10'000) <= 0) fail("no answer for 10 s");
    if (connection.receive() == Io::closed) fail("the server closed the connection");
    for (std::size_t length = 0; !connection.input().empty(); ++done) {
      const auto check = requests.check({0, done + 1, false}, connection.input(), length);
      if (check == Requests::Check::wrong) fail(std::string(connection.input().substr(0, 80)));
      if (check == Requests::Check::partial) break;
      connection.consume(length);
    }
  }
  std::printf("{\"filled\": %u}\n", options.keys);
  return 0;
}

}  // namespace keyward::load
