// A listening TCP socket of one shard. Several shards listen on one port (SO_REUSEPORT) and the
// kernel spreads the clients.
#pragma once

#include "keyward/base/descriptor.h"
#include "keyward/base/result.h"
#include "keyward/net/endpoint.h"
#include "keyward/net/turn.h"

#include <boost/asio/io_context.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

namespace keyward::net {

struct Peer {
  std::string address;  // numeric; an IPv4 client of a dual-stack socket shows as IPv4
  std::uint16_t port = 0;
};

// Owned by one shard and used on its thread. Takes one connection a turn, so that it cannot starve
// the others; out of descriptors it logs once and tries again after 100 ms.
class Acceptor {
 public:
  // The socket is non-blocking, close-on-exec, TCP_NODELAY and keepalive are set.
  using OnAccept = std::function<void(Descriptor socket, Peer peer)>;

  // Binds and listens, backlog 4096. Port 0 takes a free one. An empty host is every address, IPv6
  // and IPv4.
  [[nodiscard]] static Result<std::unique_ptr<Acceptor>> listen(boost::asio::io_context& io,
                                                                const Endpoint& endpoint);
  ~Acceptor();  // stops
  Acceptor(const Acceptor&) = delete;
  Acceptor& operator=(const Acceptor&) = delete;

  void start(Turn& turn, OnAccept on_accept);  // `turn` must outlive it
  void stop();  // closes the listening socket; `on_accept` is not called any more
  [[nodiscard]] std::uint16_t port() const;

 private:
  struct State;
  explicit Acceptor(std::shared_ptr<State> state);
  std::shared_ptr<State> state_;
};

// Fails when any process listens there. SO_REUSEPORT would silently share the port with another
// instance of the same user.
[[nodiscard]] Result<> check_port_free(const Endpoint& endpoint);

}  // namespace keyward::net
