#include "agent/local_listener.h"

#include "agent/local_peer.h"

#include "keyward/base/log.h"

#include <algorithm>
#include <arpa/inet.h>
#include <cerrno>
#include <cstring>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <utility>

namespace keyward::agent {

namespace {

using net::Endpoint;

constexpr int kBacklog = 512;
constexpr std::chrono::milliseconds kPause{100};
constexpr mode_t kOwnOnly = 0600, kEverybody = 0666;

Error problem(const std::string& place, const std::string& why) {
  return Error(Errc::io, "cannot listen on " + place + ": " + why);
}

Result<sockaddr_un> unix_address(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof address.sun_path)
    return problem(path, "the path of a unix socket has 1 to 107 bytes");
  std::memcpy(address.sun_path, path.data(), path.size());
  return address;
}

// A file that answers nobody is left over; anything else stays.
Result<> make_room(const std::string& path, const sockaddr_un& address) {
  struct stat facts {};
  if (::lstat(path.c_str(), &facts) != 0) return {};
  if (!S_ISSOCK(facts.st_mode)) return problem(path, "there is a file that is no socket");
  const Descriptor probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (::connect(probe.number(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0)
    return problem(path, "another process serves it");
  if (errno != ECONNREFUSED) return problem(path, std::strerror(errno));
  if (::unlink(path.c_str()) != 0) return problem(path, std::strerror(errno));
  return {};
}

Result<Descriptor> bind_unix(const ListenerConfig& config) {
  const std::string& path = config.endpoint.host;
  auto address = unix_address(path);
  if (!address) return address.error();
  if (Result<> room = make_room(path, *address); !room) return room.error();
  Descriptor socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  // Closed to others from its first moment; the mask is the process's, and no other thread runs
  // yet.
  const mode_t before = ::umask(0177);
  const int bound =
      ::bind(socket.number(), reinterpret_cast<const sockaddr*>(&*address), sizeof *address);
  const int why = errno;
  ::umask(before);
  if (bound != 0) return problem(path, std::strerror(why));
  if (::chmod(path.c_str(), config.allow_uids.empty() ? kOwnOnly : kEverybody) != 0 ||
      ::listen(socket.number(), kBacklog) != 0)
    return problem(path, std::strerror(errno));
  return socket;
}

Result<Descriptor> bind_tcp(const Endpoint& endpoint) {
  const std::string place = endpoint.host + ":" + std::to_string(endpoint.port);
  sockaddr_storage address{};
  socklen_t size = 0;
  const std::string host = endpoint.host == "localhost" ? "127.0.0.1" : endpoint.host;
  if (sockaddr_in in{}; ::inet_pton(AF_INET, host.c_str(), &in.sin_addr) == 1) {
    in.sin_family = AF_INET;
    in.sin_port = htons(endpoint.port);
    size = sizeof in;
    std::memcpy(&address, &in, sizeof in);
  } else if (sockaddr_in6 in6{}; ::inet_pton(AF_INET6, host.c_str(), &in6.sin6_addr) == 1) {
    in6.sin6_family = AF_INET6;
    in6.sin6_port = htons(endpoint.port);
    size = sizeof in6;
    std::memcpy(&address, &in6, sizeof in6);
  } else {
    return problem(place, "write 127.0.0.1 or [::1]");
  }
  Descriptor socket(::socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const int on = 1;
  ::setsockopt(socket.number(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  ::setsockopt(socket.number(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);  // inherited, tcp(7)
  if (::bind(socket.number(), reinterpret_cast<const sockaddr*>(&address), size) != 0 ||
      ::listen(socket.number(), kBacklog) != 0)
    return problem(place, std::strerror(errno));
  return socket;
}

std::uint16_t bound_port(int descriptor) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  if (::getsockname(descriptor, reinterpret_cast<sockaddr*>(&address), &size) != 0) return 0;
  sockaddr_in in{};  // the port is at the same place in both families
  std::memcpy(&in, &address, sizeof in);
  return ntohs(in.sin_port);
}

}  // namespace

Result<std::unique_ptr<LocalListener>> LocalListener::listen(boost::asio::io_context& io,
                                                             const ListenerConfig& config) {
  const bool on_unix = config.endpoint.kind == Endpoint::Kind::unix_socket;
  if (!config.endpoint.is_loopback())
    return problem(config.endpoint.text(), "an agent listens on loopback or a unix socket only");
  Result<Descriptor> socket = on_unix ? bind_unix(config) : bind_tcp(config.endpoint);
  if (!socket) return socket.error();
  return std::unique_ptr<LocalListener>(new LocalListener(io, std::move(*socket), config));
}

LocalListener::LocalListener(boost::asio::io_context& io, Descriptor socket,
                             const ListenerConfig& config)
    : socket_(std::move(socket)), endpoint_(config.endpoint), uids_(config.allow_uids), timer_(io) {
  uids_.push_back(::geteuid());
  if (endpoint_.kind == Endpoint::Kind::tcp) endpoint_.port = bound_port(socket_.number());
}

LocalListener::~LocalListener() { stop(); }

void LocalListener::start(net::Turn& turn, OnAccept on_accept) {
  turn_ = &turn;
  on_accept_ = std::move(on_accept);
  watched_ = true;
  turn_->watch(*this, socket_.number(), EPOLLIN);
}

void LocalListener::stop() {
  timer_.cancel();
  if (std::exchange(watched_, false)) turn_->unwatch(*this, socket_.number());
  if (!socket_.open()) return;
  socket_.reset();
  if (endpoint_.kind == Endpoint::Kind::unix_socket) ::unlink(endpoint_.host.c_str());
}

bool LocalListener::welcome(int descriptor) {
  const Result<uid_t> uid =
      endpoint_.kind == Endpoint::Kind::unix_socket ? unix_peer(descriptor) : tcp_peer(descriptor);
  if (uid && std::find(uids_.begin(), uids_.end(), *uid) != uids_.end()) return true;
  ++turned_away_;
  spdlog::warn("a client on {} was turned away: {}", endpoint_.text(),
               uid ? "user " + std::to_string(*uid) + " is not allowed (allow_uids)"
                   : uid.error().message());
  return false;
}

void LocalListener::ready(std::uint32_t) {
  Descriptor client(::accept4(socket_.number(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
  if (client.open()) {
    if (welcome(client.number())) on_accept_(std::move(client));
    return;
  }
  if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) pause();
}

// Out of descriptors: the socket stays readable, and asking at once would only burn time.
void LocalListener::pause() {
  spdlog::error("accepting pauses: {}", std::strerror(errno));
  if (std::exchange(watched_, false)) turn_->unwatch(*this, socket_.number());
  timer_.expires_after(kPause);
  timer_.async_wait([this](const boost::system::error_code& stopped) {
    if (stopped || !socket_.open()) return;
    watched_ = true;
    turn_->watch(*this, socket_.number(), EPOLLIN);
  });
}

}  // namespace keyward::agent
