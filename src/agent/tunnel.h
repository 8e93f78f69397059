// One client and its own connection to Keyward: a Dialogue with two sockets around it.
#pragma once

#include "keyward/agent/dialogue.h"
#include "keyward/agent/token_keeper.h"
#include "keyward/net/connect.h"
#include "keyward/net/stream.h"
#include "keyward/net/turn.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include <chrono>
#include <functional>
#include <memory>
#include <string>

namespace keyward::agent {

// What the tunnels of an agent have in common; outlives them.
struct TunnelSettings {
  boost::asio::io_context& io;
  net::Turn& turn;
  const Clock& clock;
  TokenKeeper& tokens;
  net::Endpoint upstream;
  net::SslContext tls;
  std::string server_name;
  std::chrono::milliseconds connect_wait;
  std::uint64_t renewed = 0, renewals_refused = 0, logins_refused = 0;  // counted by the tunnels
  std::string upstream_trouble;  // why Keyward could not be reached last; "" when it can
};

// Owned by the agent, used on its thread. Keyward is called when the client says its first word.
class Tunnel final : public net::Turn::Member {
 public:
  Tunnel(TunnelSettings& settings, const DialogueRules& rules, Descriptor client,
         std::function<void(Tunnel&)> on_end);
  ~Tunnel() override;
  void renew();  // there is a newer token
  void drain();  // end at the next safe point
  void close();  // end now
  void at_turn_end(net::Phase phase) override;

 private:
  enum class Upstream : std::uint8_t { none, connecting, open, lost };
  // Tells the two streams apart.
  struct Side final : net::Stream::User {
    Side(Tunnel& of, void (Tunnel::*on)()) : tunnel(of), read(on) {}
    void on_readable() override { (tunnel.*read)(); }
    void on_writable() override { tunnel.mark(); }
    Tunnel& tunnel;
    void (Tunnel::*read)();
  };

  void mark();
  void read_client();
  void read_upstream();
  void call();
  void connected(Result<std::unique_ptr<net::Stream>> stream);
  void try_again(const std::string& why);
  void look_at_logins();
  void flush(net::Stream& stream, Buffer& bytes);
  void flush_both();
  void end_if_over();
  void after(std::chrono::milliseconds time, void (Tunnel::*what)());

  TunnelSettings& settings_;
  Dialogue dialogue_;
  Side client_side_, upstream_side_;
  net::Stream client_;
  std::unique_ptr<net::Stream> stream_;  // to Keyward
  net::ConnectHandle connecting_;
  boost::asio::steady_timer timer_;
  std::function<void(Tunnel&)> on_end_;
  Upstream upstream_ = Upstream::none;
  TokenKeeper::Current token_;  // the last one that went out
  MonoTime called_{};
  int tries_ = 0, renewal_tries_ = 0;
  std::uint64_t renewed_ = 0, refused_ = 0;  // of the dialogue, as last looked at
  bool ending_ = false, over_ = false, login_seen_ = false, said_goodbye_ = false;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace keyward::agent
