// Subscribed and tracking clients: one link of its own, whose frames are told apart into messages,
// confirmations and answers.
#pragma once

#include "proxy/draft.h"
#include "proxy/reply_queue.h"

#include "keyward/base/ring.h"
#include "keyward/command/command.h"
#include "keyward/resp/frame_kind.h"
#include "keyward/upstream/pool.h"

#include <functional>
#include <optional>
#include <set>
#include <string>
#include <string_view>

namespace keyward::proxy {

using resp::frame_kind;
using resp::FrameKind;

// A subscription to it may be told of keyspace events, which name keys of everybody.
[[nodiscard]] bool hears_keyspace(std::string_view name, bool pattern);

// The session a Relay works for.
class RelayOwner {
 public:
  virtual ~RelayOwner() = default;
  // An answer to a command that went through the relay. As upstream::ReplySink::on_reply.
  virtual void on_relay_reply(const upstream::Awaiting& awaiting,
                              const upstream::ReplyPart& part) = 0;
  virtual void on_relay_bytes() = 0;  // something is ready for the client
  // Appends what the client gets of a message or a confirmation; nothing: it may not see it. False:
  // no known message, and the connection has to end.
  [[nodiscard]] virtual bool show_relay_frame(std::string_view frame, std::string& out) = 0;
  // A message that cannot be shown.
  virtual void on_relay_unreadable(const char* why) = 0;
  virtual void on_relay_down(const std::vector<upstream::Awaiting>& lost) = 0;
};

class Relay final : private upstream::FrameSink {
 public:
  // `most`: bytes of one message that has to be seen whole.
  Relay(RelayOwner& owner, ReplyQueue& replies, upstream::Loan loan, resp::Protocol protocol,
        std::size_t most);
  ~Relay() override;
  Relay(const Relay&) = delete;
  Relay& operator=(const Relay&) = delete;

  // From now on every message goes through show_relay_frame(); without it they stream.
  void look() { looks_ = true; }
  // A (p|s)subscribe or -unsubscribe: counts the confirmations that will come and takes the place
  // they fill.
  void change(command::Kind kind, std::span<const std::string_view> args);
  // CLIENT TRACKING ON or OFF, which goes out like any other command.
  void track(bool on) {
    tracks_ = on;
    looks_ = looks_ || on;
  }
  // Keys are watched on this link: from WATCH until EXEC, DISCARD or UNWATCH was sent.
  void watch(bool on) { watches_ = on; }
  [[nodiscard]] bool watches() const { return watches_; }
  // The last command that went to Redis was CLIENT CACHING, which speaks of the next one.
  void hint(bool on) { hinted_ = on; }
  [[nodiscard]] bool hinted() const { return hinted_; }
  // Any other command: append it to encode_into() first.
  [[nodiscard]] std::string& encode_into() { return link_->encode_into(); }
  void expect(const upstream::Awaiting& awaiting);
  void push() { link_->push(); }

  [[nodiscard]] bool subscribed() const {
    return !channels_.empty() || !patterns_.empty() || !shards_.empty();
  }
  // This link carries state of the client.
  [[nodiscard]] bool needed() const { return tracks_ || watches_ || subscribed(); }
  [[nodiscard]] bool tracks() const { return tracks_; }
  // Every request was answered, no frame is half way.
  [[nodiscard]] bool settled() const { return waiting_.empty() && !mid_frame_; }
  // Nothing subscribed, tracked or watched, nothing awaited: the session may go back to its
  // ordinary lanes.
  [[nodiscard]] bool finished() const { return !needed() && settled(); }
  // Gives the link back clean. Precondition: finished().
  void leave();
  [[nodiscard]] upstream::Link* link() { return link_.get(); }  // null once it is down
  void close(const char* why) {
    if (link_) link_->close(why);
  }
  [[nodiscard]] const std::set<std::string, std::less<>>& channels() const { return channels_; }
  [[nodiscard]] const std::set<std::string, std::less<>>& patterns() const { return patterns_; }
  [[nodiscard]] const std::set<std::string, std::less<>>& shards() const { return shards_; }
  // Requests that are answered by one reply each and not yet answered.
  [[nodiscard]] std::size_t waiting() const { return waiting_.size(); }

 private:
  struct Expected {
    std::size_t confirmations = 0;  // > 0: a change of subscriptions
    upstream::Awaiting awaiting;
  };
  void on_frame(const upstream::ReplyPart& frame) override;
  void on_link_down() override;
  void message(std::string_view bytes, bool last);
  void confirmation(std::string_view frame);
  [[nodiscard]] bool show(std::string_view& frame);
  void answer(const upstream::ReplyPart& frame, std::string_view bytes);

  RelayOwner& owner_;
  ReplyQueue& replies_;
  upstream::Loan link_;
  resp::Protocol protocol_;
  std::set<std::string, std::less<>> channels_, patterns_, shards_;
  Ring<Expected> waiting_;
  std::string start_;  // of the current frame until its kind is known; all of a confirmation
  FrameKind kind_ = FrameKind::unknown_yet;
  std::size_t most_;
  std::string shown_;
  bool mid_frame_ = false;
  bool answer_begun_ = false;
  bool looks_ = false, gathers_ = false;  // gathers_: as looks_ was when the frame began
  bool tracks_ = false, watches_ = false, hinted_ = false;
};

}  // namespace keyward::proxy
