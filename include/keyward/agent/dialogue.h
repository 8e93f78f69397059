// One client's bytes on their way to Keyward and back, with the logins put in between: no sockets,
// no clock.
#pragma once

#include "keyward/base/buffer.h"
#include "keyward/base/clock.h"
#include "keyward/base/ring.h"
#include "keyward/base/secret.h"
#include "keyward/resp/frame_kind.h"
#include "keyward/resp/reply_scanner.h"
#include "keyward/resp/request_parser.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace keyward::agent {

// What the clients of one listener have to say, and who they are upstream. Outlives its dialogues.
struct DialogueRules {
  std::string user = "default";                      // beside the token
  std::shared_ptr<const Secret> password = nullptr;  // what to AUTH with; null: anything will do
  std::function<std::string()> status = nullptr;     // the answer to KEYWARD AGENT
};

// Requests are forwarded as they came, replies are delivered as they came; what is added stands
// between complete requests and its replies are swallowed. AUTH is sent only while nothing is
// awaited and no transaction is open, so it never changes what a client sees: not inside MULTI, not
// behind a blocking command. A RESP2 client that subscribes is carried over RESP3, where AUTH works
// while subscribed, and gets its messages in RESP2. A wait in Redis that could outlast the token is
// asked for in parts.
class Dialogue {
 public:
  enum class Login : std::uint8_t { none, sent, good, refused };
  enum class End : std::uint8_t {
    none,
    deliver,  // nothing more comes: what to_client() holds leaves, then both sides close
    leave,    // the client is gone: what to_upstream() holds leaves, then both sides close
    broken,   // a side that cannot be understood: both close now
  };
  struct Token {
    std::shared_ptr<const Secret> text;
    MonoTime ends = MonoTime::max();  // max: it does not say
  };

  explicit Dialogue(const DialogueRules& rules);

  // The time from here on.
  void at(MonoTime now) { now_ = now; }
  // True once the client sent something that Keyward has to answer.
  [[nodiscard]] bool calls() const { return calls_; }
  // The upstream connection is there.
  void log_in(Token token);
  // A newer token: it goes out at the next safe point.
  void renew(Token token);
  void from_client(std::string_view bytes);
  void from_upstream(std::string_view bytes);
  // Room was made in to_client() or to_upstream(): go on.
  void go_on() { digest_inbox(); }
  void client_ended();
  void upstream_ended();
  // End as soon as nothing is under way.
  void drain();
  // It cannot go on: the client gets "-<error>" and the end.
  void refuse(std::string_view error);

  [[nodiscard]] Buffer& to_client() { return to_client_; }
  [[nodiscard]] Buffer& to_upstream() { return to_upstream_; }
  [[nodiscard]] bool reads_client() const;
  [[nodiscard]] bool reads_upstream() const;
  [[nodiscard]] End end() const { return end_; }
  [[nodiscard]] Login login() const { return login_; }
  // AUTHs that were taken and refused upstream, and the answer to the last one that was refused.
  [[nodiscard]] std::uint64_t renewed() const { return renewed_; }
  [[nodiscard]] std::uint64_t renewals_refused() const { return renewals_refused_; }
  [[nodiscard]] const std::string& refusal() const { return refusal_; }

 private:
  using Args = std::span<const std::string_view>;
  enum class Step : std::uint8_t { done, hold };
  enum class Word : std::uint8_t {
    other,
    auth,
    hello,
    multi,
    exec,
    discard,
    reset,
    quit,
    ping,
    keyward,
    subscribe,
    psubscribe,
    ssubscribe,
    unsubscribe,
    punsubscribe,
    sunsubscribe,
  };
  // What the next reply of Keyward is for.
  struct Expected {
    enum class Kind : std::uint8_t {
      plain,
      multi,
      exec,
      discard,
      change,  // of subscriptions: `left` confirmations, or one error
      ping,    // of a subscribed RESP2 client
      hello,   // from here on: everything behind it waits
      reset,
      wait,   // one part of a wait in Redis
      login,  // from here on: asked by the agent, swallowed
      renewal,
      enter,  // RESP3 for a RESP2 client
      leave,  // and back
    };
    Kind kind = Kind::plain;
    bool unlocks = false;  // hello: it carried the right password
    std::uint32_t left = 0;
  };
  // A wait that lasts longer than the token: asked in parts, so that there is a moment to renew.
  struct Wait {
    std::vector<std::string> args;
    std::size_t index = 0;  // of the argument with the time
    bool milliseconds = false;
    MonoTime until = MonoTime::max();  // as the client wants it
    bool again = false;                // the last part ended with nothing
    std::string nothing;               // as it was answered
  };
  static Word word_of(std::string_view text);
  static bool is_change(Word word) { return word >= Word::subscribe; }
  static bool adds(Word word) { return word >= Word::subscribe && word <= Word::ssubscribe; }

  // dialogue.cc
  std::size_t digest(std::string_view input);
  void digest_inbox();
  [[nodiscard]] bool may_begin();
  bool knock(std::string_view& input);
  void send(Args args, Expected expected);
  void answer(std::string_view bytes);
  void answer_error(std::string_view text);
  // Nothing is awaited, and no message is half way to the client.
  [[nodiscard]] bool quiet() const { return expected_.empty() && scanner_.at_boundary(); }
  // Subscribed in RESP2 all the way: no AUTH is possible.
  [[nodiscard]] bool deaf() const {
    return subscribed() > 0 && client_ == resp::Protocol::resp2 && !switched_;
  }
  [[nodiscard]] std::size_t subscribed() const { return common_ + shards_; }

  // dialogue_requests.cc
  Step judge(Args args, std::string_view raw);
  Step judge_large(Args args, std::string_view raw);
  Step pass(std::string_view raw, Expected expected);
  Step auth(Args args);
  Step hello(Args args, std::string_view raw);
  Step hello_with_password(Args args);
  Step reset(Args args, std::string_view raw);
  Step change(Word word, Args args, std::string_view raw);
  Step while_switched(Word word, Args args, std::string_view raw);
  std::optional<Step> wait(Args args);
  void send_part();
  [[nodiscard]] MonoTime part_end() const;
  [[nodiscard]] bool right_password(std::string_view text) const;
  [[nodiscard]] std::size_t confirmations(Word word, Args args) const;

  // dialogue_frames.cc
  void take(std::string_view part, const resp::ReplyScanner::Progress& progress);
  void sort(std::string_view& part, bool done);
  void take_message(std::string_view part);
  void take_confirmation(std::string_view frame);
  void take_answer(std::string_view part, bool done);
  void take_pong(std::string_view part);
  void take_wait(std::string_view part);
  void answered(const Expected& expected);
  void own_answered(const Expected& expected, bool error);
  void count(std::string_view frame);
  void deliver(std::string_view bytes) {
    if (!client_gone_) to_client_.append(bytes);
  }

  const DialogueRules& rules_;
  resp::RequestParser parser_;
  resp::ReplyScanner scanner_;
  Buffer inbox_, to_client_, to_upstream_;
  Ring<Expected> expected_;
  Token token_, pending_;
  MonoTime now_{};
  MonoTime ends_ = MonoTime::max();  // of the login in force
  std::optional<Wait> wait_;
  Login login_ = Login::none;
  End end_ = End::none;
  resp::Protocol client_ = resp::Protocol::resp2;  // what the client speaks
  std::size_t own_ = 0;                            // awaited replies that everything else waits for
  bool calls_ = false;
  bool locked_ = false;     // the client has not said the password yet
  bool held_ = false;       // the inbox waits for something else than more bytes
  bool large_ = false;      // inside a request that is passed on piece by piece
  bool malformed_ = false;  // what the client sent is no request
  bool client_gone_ = false, draining_ = false;
  // A transaction is open: by what was sent, and by what was answered.
  bool multi_ = false, multi_answered_ = false;
  bool switched_ = false;  // a RESP2 client, carried over RESP3
  bool plain_ = false;     // RESP3 was refused: the next SUBSCRIBE goes as it is
  // Subscriptions as Redis counts them; `channels_` are those of `common_` that are no patterns.
  std::size_t common_ = 0, channels_ = 0, shards_ = 0;
  // The frame that is coming in.
  resp::FrameKind route_ = resp::FrameKind::unknown_yet;
  bool frame_begun_ = false;  // some of it was taken
  bool head_known_ = false;   // its first line was seen
  std::string gathered_;      // of it, while more must be seen
  char pong_ = 0;             // how the answer to a PING begins
  std::uint64_t renewed_ = 0, renewals_refused_ = 0;
  std::string refusal_;
};

}  // namespace keyward::agent
