#include "keyward/net/acceptor.h"

#include "net/socket_options.h"

#include "keyward/base/log.h"

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/v6_only.hpp>
#include <boost/asio/steady_timer.hpp>

#include <cerrno>
#include <cstring>
#include <sys/socket.h>

namespace keyward::net {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using tcp = asio::ip::tcp;

constexpr int kBacklog = 4096;
constexpr std::chrono::milliseconds kPause{100};
using ReusePort = asio::detail::socket_option::boolean<SOL_SOCKET, SO_REUSEPORT>;

Error problem(const Endpoint& endpoint, const error_code& error) {
  const std::string host = endpoint.host.empty() ? "every address" : endpoint.host;
  return Error(Errc::io, "cannot listen on " + host + ", port " + std::to_string(endpoint.port) +
                             ": " + error.message());
}

Result<tcp::endpoint> address_of(const Endpoint& endpoint) {
  if (endpoint.kind == Endpoint::Kind::unix_socket) {
    return Error(Errc::invalid, "cannot listen on a unix socket: name a host and a port");
  }
  if (endpoint.host.empty()) return tcp::endpoint(asio::ip::address_v6::any(), endpoint.port);
  error_code error;
  const auto address = asio::ip::make_address(endpoint.host, error);
  if (!error) return tcp::endpoint(address, endpoint.port);
  asio::io_context io;
  tcp::resolver resolver(io);
  const auto found = resolver.resolve(endpoint.host, std::to_string(endpoint.port), error);
  if (error || found.empty()) return problem(endpoint, error);
  return found.begin()->endpoint();
}

// An empty host falls back to IPv4 where the kernel has no IPv6.
error_code bind(tcp::acceptor& acceptor, tcp::endpoint address, bool any, bool reuse_port) {
  error_code error;
  acceptor.open(address.protocol(), error);
  if (error == asio::error::address_family_not_supported && any) {
    address = tcp::endpoint(asio::ip::address_v4::any(), address.port());
    error.clear();
    acceptor.open(address.protocol(), error);
  }
  if (error) return error;
  acceptor.set_option(asio::socket_base::reuse_address(true), error);
  if (!error && reuse_port) acceptor.set_option(ReusePort(true), error);
  if (!error && address.address().is_v6()) {
    acceptor.set_option(asio::ip::v6_only(!address.address().is_unspecified()), error);
  }
  set_tcp_options(acceptor.native_handle());  // accepted sockets inherit them (tcp(7))
  if (!error) acceptor.bind(address, error);
  if (!error) acceptor.listen(kBacklog, error);
  if (!error) acceptor.native_non_blocking(true, error);
  return error;
}

Peer peer_of(const sockaddr_storage& from) {
  tcp::endpoint endpoint;
  std::memcpy(endpoint.data(), &from, endpoint.capacity());
  auto address = endpoint.address();
  if (address.is_v6() && address.to_v6().is_v4_mapped()) {
    address = asio::ip::make_address_v4(asio::ip::v4_mapped, address.to_v6());
  }
  return {address.to_string(), endpoint.port()};
}

bool out_of_resources(int error) {
  return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

}  // namespace

struct Acceptor::State final : Turn::Source, std::enable_shared_from_this<State> {
  explicit State(asio::io_context& context) : acceptor(context), timer(context) {}

  // Level-triggered: told once a turn for as long as somebody waits.
  void wait() {
    waiting = true;
    turn->watch(*this, acceptor.native_handle(), EPOLLIN);
  }

  void unwatch() {
    if (std::exchange(waiting, false)) turn->unwatch(*this, acceptor.native_handle());
  }

  void ready(std::uint32_t) override {
    sockaddr_storage from{};
    socklen_t size = sizeof from;
    const int descriptor = ::accept4(acceptor.native_handle(), reinterpret_cast<sockaddr*>(&from),
                                     &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (descriptor >= 0) {
      short_of_resources = false;
      on_accept(Descriptor(descriptor), peer_of(from));
    } else if (out_of_resources(errno)) {
      pause(errno);
    }
    // Everything else (accept(2)) concerns a connection that is gone already.
  }

  void pause(int error) {
    if (!std::exchange(short_of_resources, true)) {
      spdlog::error("accepting pauses: {}; raise the limit of open files or lower the connections",
                    std::strerror(error));
    }
    unwatch();
    timer.expires_after(kPause);
    timer.async_wait([self = shared_from_this()](error_code cancelled) {
      if (!cancelled && self->acceptor.is_open()) self->wait();
    });
  }

  void stop() {
    unwatch();
    error_code ignored;
    acceptor.close(ignored);
    timer.cancel();
  }

  tcp::acceptor acceptor;
  asio::steady_timer timer;
  Turn* turn = nullptr;
  OnAccept on_accept;
  bool waiting = false, short_of_resources = false;
};

Result<std::unique_ptr<Acceptor>> Acceptor::listen(asio::io_context& io, const Endpoint& endpoint) {
  const auto address = address_of(endpoint);
  if (address.has_error()) return address.error();
  auto state = std::make_shared<State>(io);
  const error_code error = bind(state->acceptor, *address, endpoint.host.empty(), true);
  if (error) return problem(endpoint, error);
  return std::unique_ptr<Acceptor>(new Acceptor(std::move(state)));
}

Acceptor::Acceptor(std::shared_ptr<State> state) : state_(std::move(state)) {}
Acceptor::~Acceptor() { stop(); }

void Acceptor::start(Turn& turn, OnAccept on_accept) {
  state_->turn = &turn;
  state_->on_accept = std::move(on_accept);
  state_->wait();
}

void Acceptor::stop() { state_->stop(); }

std::uint16_t Acceptor::port() const {
  error_code ignored;
  return state_->acceptor.local_endpoint(ignored).port();
}

Result<> check_port_free(const Endpoint& endpoint) {
  if (endpoint.port == 0) return {};
  const auto address = address_of(endpoint);
  if (address.has_error()) return address.error();
  asio::io_context io;
  tcp::acceptor acceptor(io);
  const error_code error = bind(acceptor, *address, endpoint.host.empty(), false);
  if (error) return problem(endpoint, error);
  return {};
}

}  // namespace keyward::net
