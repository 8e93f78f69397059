// A listening unix socket or loopback port that lets in processes of the right users only.
#pragma once

#include "keyward/agent/config.h"
#include "keyward/base/descriptor.h"
#include "keyward/net/turn.h"

#include <boost/asio/steady_timer.hpp>

#include <functional>
#include <memory>
#include <string>

namespace keyward::agent {

// Owned by the agent, used on its thread.
class LocalListener final : private net::Turn::Source {
 public:
  using OnAccept = std::function<void(Descriptor)>;
  // A unix socket is made with mode 0600, or 0666 when other users are allowed: then the kernel's
  // word on who connects decides. A socket file that nobody serves any more is replaced.
  [[nodiscard]] static Result<std::unique_ptr<LocalListener>> listen(boost::asio::io_context& io,
                                                                     const ListenerConfig& config);
  ~LocalListener() override;
  LocalListener(const LocalListener&) = delete;
  LocalListener& operator=(const LocalListener&) = delete;

  void start(net::Turn& turn, OnAccept on_accept);
  void stop();
  [[nodiscard]] const net::Endpoint& endpoint() const { return endpoint_; }
  [[nodiscard]] std::uint64_t turned_away() const { return turned_away_; }

 private:
  LocalListener(boost::asio::io_context& io, Descriptor socket, const ListenerConfig& config);
  void ready(std::uint32_t events) override;
  void pause();
  [[nodiscard]] bool welcome(int descriptor);

  Descriptor socket_;
  net::Endpoint endpoint_;
  std::vector<uid_t> uids_;
  net::Turn* turn_ = nullptr;
  OnAccept on_accept_;
  boost::asio::steady_timer timer_;
  std::uint64_t turned_away_ = 0;
  bool watched_ = false;
};

}  // namespace keyward::agent
