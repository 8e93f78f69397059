#include "arrival.h"

#include "samples.h"

#include <fstream>
#include <sys/epoll.h>
#include <unistd.h>

namespace keyward::load {

std::string command(const std::vector<std::string>& words) {
  std::string out = "*" + std::to_string(words.size()) + "\r\n";
  for (const std::string& word : words) {
    out += "$" + std::to_string(word.size()) + "\r\n" + word + "\r\n";
  }
  return out;
}

Secrets::Secrets(const Options& options) : first_(options.first), once_(options.once) {
  if (options.secrets.empty()) {
    commands_.emplace_back();
    return;
  }
  std::ifstream file(options.secrets);
  for (std::string line; std::getline(file, line);) {
    if (line.empty()) continue;
    commands_.push_back(options.user.empty() ? command({"AUTH", line})
                                             : command({"AUTH", options.user, line}));
  }
  if (commands_.empty()) fail("no secrets in " + options.secrets);
}

const std::string& Secrets::next() {
  const std::size_t at = first_ + taken_++;
  if (once_ && at >= commands_.size()) fail("all secrets were used; make more of them");
  return commands_[at % commands_.size()];
}

Arrival::Arrival(Target& target, const std::string& auth, bool refused, bool ping)
    : connection(std::make_unique<Connection>(target)),
      auth_(auth),
      refused_(refused),
      ping_(ping) {}

Arrival::State Arrival::failed(std::string why) {
  error = std::move(why);
  return State::failed;
}

Arrival::State Arrival::ask(Step step, const std::string& bytes) {
  step_ = step;
  if (step == Step::auth) asked = now();
  connection->out = bytes;
  return connection->flush() == Io::closed ? failed("closed while writing") : State::going;
}

Arrival::State Arrival::answered() {
  const std::string_view input = connection->input();
  const std::size_t end = input.find("\r\n");
  if (end == std::string_view::npos) return State::going;
  const std::string line(input.substr(0, end));
  connection->consume(end + 2);
  if (step_ == Step::auth) {
    if (line != "+OK") return failed("AUTH: " + line);
    return ping_ ? ask(Step::ping, command({"PING"})) : State::ready;
  }
  const bool right = refused_ ? line.rfind("-NOAUTH", 0) == 0 : line == "+PONG";
  return right ? State::ready : failed("PING: " + line);
}

Arrival::State Arrival::advance() {
  if (step_ == Step::handshake) {
    const Io io = connection->handshake();
    if (io == Io::closed) return failed("TLS handshake failed");
    if (io == Io::wait) return State::going;
    return auth_.empty() ? ask(Step::ping, command({"PING"})) : ask(Step::auth, auth_);
  }
  switch (connection->receive()) {
    case Io::closed:
      return failed("closed by the server");
    case Io::wait:
      return State::going;
    case Io::done:
      return answered();
  }
  return State::failed;
}

void arrive(Target& target, Secrets& secrets, std::uint32_t count, std::uint32_t width,
            std::vector<std::unique_ptr<Connection>>& into) {
  const int poll = epoll_create1(EPOLL_CLOEXEC);
  std::uint32_t begun = 0;
  std::uint32_t done = 0;
  while (done < count) {
    for (; begun < count && begun - done < width; ++begun) {
      auto arrival = std::make_unique<Arrival>(target, secrets.next(), false, true);
      if (arrival->advance() == Arrival::State::failed) fail(arrival->error);
      epoll_event event{};
      event.events = EPOLLIN;
      event.data.ptr = arrival.get();
      const int fd = arrival->connection->fd();
      epoll_ctl(poll, EPOLL_CTL_ADD, fd, &event);
      arrival.release();  // epoll holds it until it is ready
    }
    epoll_event events[256];
    const int ready = epoll_wait(poll, events, 256, 20'000);
    if (ready <= 0) fail("the server left a login without an answer for 20 s");
    for (int at = 0; at < ready; ++at) {
      auto* arrival = static_cast<Arrival*>(events[at].data.ptr);
      const Arrival::State state = arrival->advance();
      if (state == Arrival::State::going) continue;
      if (state == Arrival::State::failed) fail(arrival->error);
      epoll_ctl(poll, EPOLL_CTL_DEL, arrival->connection->fd(), nullptr);
      arrival->connection->rest();
      into.push_back(std::move(arrival->connection));
      delete arrival;
      ++done;
    }
  }
  close(poll);
}

}  // namespace keyward::load
