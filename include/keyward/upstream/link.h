// One connection to Redis, logged in as one ACL user, in one protocol and database: a Pipeline with
// a socket around it.
#pragma once

#include "keyward/base/secret.h"
#include "keyward/net/connect.h"
#include "keyward/net/stream.h"
#include "keyward/net/turn.h"
#include "keyward/resp/writer.h"
#include "keyward/upstream/pipeline.h"

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace keyward::upstream {

// What a connection is logged in as. Equal keys may share a link; nothing that changes connection
// state travels on a shared one.
struct LinkKey {
  std::string user;
  resp::Protocol protocol = resp::Protocol::resp2;
  std::uint32_t db = 0;
  friend auto operator<=>(const LinkKey&, const LinkKey&) = default;
};

// What a shard's links have in common; outlives them.
struct LinkSettings {
  boost::asio::io_context& io;
  net::Turn& turn;
  net::Endpoint endpoint;
  net::SslContext tls;
  std::string server_name;
  std::chrono::milliseconds connect_timeout{3000};
  // Called when Redis refuses the user's password: someone deleted the user, or Redis restarted.
  // `done(true)` = it exists again.
  std::function<void(const std::string& user, std::function<void(bool)> done)> repair;
  // The password that the user has now: it may have been replaced since a session got its lease.
  // Null: not known.
  std::function<const Secret*(const std::string& user)> password = {};
  // Redis ended a connection that was logged in: that user, or all, may be gone.
  std::function<void(const std::string& user)> cut = {};
  std::chrono::milliseconds login_timeout{5000};  // of a Redis that accepts and says nothing
};

// Gets every frame of a link in relay use, answers and messages alike.
class FrameSink {
 public:
  virtual ~FrameSink() = default;
  virtual void on_frame(const ReplyPart& frame) = 0;  // children are always kept
  virtual void on_link_down() = 0;
};

// Has an exclusive link on loan.
class LinkHolder {
 public:
  virtual ~LinkHolder() = default;
  // The link is down. Must let go of the loan: the link lives only until the turn ends.
  virtual void on_loan_lost() = 0;
};

// Waits for room in a link's outgoing bytes.
class RoomWaiter {
 public:
  virtual ~RoomWaiter() = default;
  virtual void on_room() = 0;
};

// Owned by the Pool. Life: connecting -> logging in -> up -> down. Client bytes leave only after
// Redis accepted the login. Requests may be queued from the start; if the link fails all of them
// are told by ReplySink::on_lost, in order.
class Link final : public net::Turn::Member, private net::Stream::User, private ReplySink {
 public:
  Link(LinkSettings& settings, LinkKey key, Secret password);
  ~Link() override;
  void start();

  [[nodiscard]] const LinkKey& key() const { return key_; }
  [[nodiscard]] bool down() const { return state_ == State::down; }
  // A retired link takes no new requests; it closes itself when its last reply came.
  void retire() {
    retired_ = true;
    finish_if_retired();
  }
  [[nodiscard]] bool usable() const { return !down() && !retired_; }
  [[nodiscard]] bool idle() const { return pipeline_.idle(); }
  [[nodiscard]] std::size_t waiting() const { return pipeline_.waiting(); }

  // Append an encoded request to the returned string, then call expect(); it leaves at the end of
  // the turn.
  [[nodiscard]] std::string& encode_into();
  void expect(const Awaiting& awaiting);
  // For requests sent piece by piece: appended bytes leave, the reply is expected later.
  void push() { mark_dirty(); }

  [[nodiscard]] bool congested() const;  // too much is waiting for the socket
  void wait_for_room(RoomWaiter& waiter);
  void forget_room_waiter(RoomWaiter& waiter);

  // Stop and go on reading from Redis (somebody downstream is slow).
  void pause() { paused_ = true; }
  void resume();
  [[nodiscard]] bool paused() const { return paused_; }
  [[nodiscard]] bool shared_with_others(const ReplySink* sink) const {
    return pipeline_.shared_with_others(sink);
  }

  // From now on every frame goes to `sink` instead of through the queue of expected replies.
  // Precondition: idle().
  void relay_to(FrameSink* sink) { relay_ = sink; }

  // Who is told when this link goes down while nothing is awaited on it; null for nobody.
  void held_by(LinkHolder* holder) { holder_ = holder; }

  void close(const char* why);
  // Closes the link when Redis has not answered the login in time. Called once a second.
  void mind_login(std::chrono::steady_clock::time_point now);
  // Nothing refers to it any more: may be destroyed.
  [[nodiscard]] bool reapable() const { return down() && repairs_ == 0; }
  [[nodiscard]] const std::string& node() const { return node_; }
  // What Redis calls this connection; 0 while it is not known.
  [[nodiscard]] std::uint64_t client_id() const { return client_id_; }

  void at_turn_end(net::Phase phase) override;
  // Called once, when the link went down.
  std::function<void(Link&)> on_down;

 private:
  enum class State : std::uint8_t { connecting, login, up, down };
  void connected(Result<std::unique_ptr<net::Stream>> stream);
  void log_in();
  void on_reply(const Awaiting& awaiting, const ReplyPart& part) override;
  void on_lost(const Awaiting& awaiting, bool maybe_executed) override;
  void mark_dirty();
  void flush();
  void on_readable() override;
  void on_writable() override;
  bool receive(std::string_view bytes);
  bool receive_relay(std::string_view bytes);
  void give_room();
  void finish_if_retired();

  LinkSettings& settings_;
  LinkKey key_;
  Secret password_;
  std::string node_;
  std::string greeting_;  // the answer to HELLO while it comes in
  std::uint64_t client_id_ = 0;
  State state_ = State::connecting;
  std::unique_ptr<net::Stream> stream_;
  net::ConnectHandle connecting_;
  Pipeline login_;  // AUTH/HELLO/SELECT, before anything of a client
  Pipeline pipeline_;
  FrameSink* relay_ = nullptr;
  LinkHolder* holder_ = nullptr;
  resp::ReplyScanner relay_scanner_;
  bool relay_first_ = true;
  std::string relay_early_;
  std::vector<RoomWaiter*> room_waiters_;
  int repairs_ = 0;  // under way
  int login_tries_ = 0;
  std::chrono::steady_clock::time_point login_since_{};
  bool paused_ = false, retired_ = false;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace keyward::upstream
