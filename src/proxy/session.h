// One client connection: bytes in, commands judged, answers out in order. The rooms it leads
// through are named in handle().
#pragma once

#include "proxy/account.h"
#include "proxy/added_answers.h"
#include "proxy/answer_view.h"
#include "proxy/ending.h"
#include "proxy/greeting.h"
#include "proxy/kept_request.h"
#include "proxy/lane.h"
#include "proxy/login_flow.h"
#include "proxy/lone_request.h"
#include "proxy/rate_waiters.h"
#include "proxy/relay.h"
#include "proxy/reply_queue.h"
#include "proxy/transaction.h"
#include "proxy/upload.h"

#include "keyward/net/acceptor.h"
#include "keyward/net/stream.h"
#include "keyward/net/turn.h"
#include "keyward/proxy/shard.h"
#include "keyward/resp/request_parser.h"
#include "keyward/trigger/leavings.h"
#include "keyward/upstream/pool.h"

#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>

namespace keyward::proxy {

// Owned by its shard, used on its thread. After close() it stays until the replies of its commands
// on shared links came in (they are recorded and dropped).
class Session final : public net::Turn::Member,
                      private net::Stream::User,
                      private upstream::ReplySink,
                      private upstream::RoomWaiter,
                      private upstream::LinkHolder,
                      private RateWaiter,
                      private RelayOwner {
 public:
  Session(Shard& shard, std::uint64_t id, Descriptor socket, const net::Peer& peer, SourceSeat seat,
          const ListenerConfig& listener, SSL_CTX* tls);
  ~Session() override;
  void start();
  void close(EndedBy by, std::string_view reason);
  // Once a second: deadlines of handshake, login, session end and stalled readers.
  void tick(MonoTime now, WallTime wall);
  // Ends the session as if its token expired now, by the table of docs/identity.md, but for good:
  // no AUTH brings it back, and it is gone within a second whatever it is doing. The reason goes
  // into the record of the end, not to the client. Nothing happens where nobody is logged in.
  void end_now(std::string_view reason);
  // True: it is denied, and begins to end by this.
  bool hold_against(const identity::DenyList& denials);
  // Nothing while nobody is logged in.
  [[nodiscard]] std::optional<SessionFacts> facts() const;
  // Does what the end of the session asks for by now. True: wants to be asked again soon.
  bool mind_end(MonoTime now);
  // Shutting down: no new commands; closes when everything under way is answered.
  void drain();
  // A new policy version is in force: judges what this session holds without a command of its own.
  void judge_anew();
  void synced();  // the trail reached the disk
  void wake();    // at the end of this turn, send what may leave
  [[nodiscard]] bool closed() const { return phase_ == Phase::closed; }

 private:
  using Args = std::span<const std::string_view>;
  enum class Phase : std::uint8_t {
    handshake,
    open,
    leaving,
    closed
  };  // leaving: no more input, answers still go out
  enum class Pause : std::uint8_t { none, idle, login, channel, room, output, rate, sync };
  enum class Step : std::uint8_t {
    done,
    again
  };  // again: not consumed; handle it anew when the pause is over

  // bytes
  void on_readable() override;
  void on_writable() override;
  [[nodiscard]] bool wants_input() const;
  bool handshake();
  void take_input(std::string_view bytes);
  std::size_t consume(std::string_view input);
  void flush();
  void at_turn_end(net::Phase phase) override;
  void resume(Pause ended);
  void leave(EndedBy by, std::string_view reason);
  void relieve_link();
  [[nodiscard]] bool too_slow_to_share(MonoTime now) const;
  void maybe_reap();

  // commands
  Step handle(Args args);
  Step greet_first(Args args);
  Step decide();
  Step judged(const policy::Permit& permit);
  Step refuse(const command::Analysis& analysis, Args args);
  Step deny(const policy::Denial& denial);
  void answer(std::string_view reply) {
    replies_.answer(reply);
    wake();
  }
  void answer_error(std::string_view text, std::uint64_t ticket = 0);
  Step wait_idle();
  [[nodiscard]] bool rights_are_stale() const { return outdated() || break_glass_over(); }
  [[nodiscard]] Shard::Rights rights_now();
  bool renew_policy();
  void renewed(LoginResult result);
  void keep_rights(Shard::Rights now);
  void give_up_rights();
  void revoke();
  void refuse_wait(const policy::Denial& denial);
  void judge_wait(const policy::Grants& now);
  [[nodiscard]] bool keeps_subscriptions(const policy::Grants& now) const;
  [[nodiscard]] bool outdated() const { return login_->policy_number != shard_.policy().number; }

  // the end of the session: session_end.cc
  [[nodiscard]] const char* state() const;
  [[nodiscard]] bool ended() const { return told_ || ending_.over(shard_.clock().mono()); }
  [[nodiscard]] bool renews(Args args) const;
  Step refuse_ended(Args args);
  [[nodiscard]] std::string_view ended_text() const;
  [[nodiscard]] EndedBy ended_by() const;
  [[nodiscard]] std::string_view end_reason() const;
  void note_near_end(bool near);
  void watch_end(MonoTime now);
  void leave_ended();
  void end_wait(std::string_view refusal, std::uint64_t ticket);
  void cancel_login();

  // what the client writes and sees, where that is not what Redis does: session_view.cc
  [[nodiscard]] bool renamed() const { return !login_->grants->name_space().empty(); }
  [[nodiscard]] std::string qualify();
  std::uint64_t unqualified(std::string_view text);
  Step refuse_names(const std::string& text);
  [[nodiscard]] std::uint8_t shape_for(const policy::Permit& permit) const {
    return static_cast<std::uint8_t>(view::shape_of(command_, permit, *login_->grants));
  }
  [[nodiscard]] view::Lens lens() const;
  [[nodiscard]] view::Lens lens(view::Shape shape) const;
  [[nodiscard]] std::string client_name(std::string_view channel) const;
  Step sample(const policy::Permit& permit);
  [[nodiscard]] std::string_view look(const upstream::Awaiting& awaiting,
                                      const upstream::ReplyPart& part);
  void withheld(ValueView::Trouble trouble);

  // what answers and commands wait for on the disk: session_sync.cc
  [[nodiscard]] audit::Receipt receipt();
  void await_sync();
  [[nodiscard]] bool intent_is_safe(const policy::Permit& permit);

  // limits of the grants
  [[nodiscard]] bool within_rate();
  void slow_down(MonoTime until);
  void on_rate_over() override;
  void spend_bytes(std::size_t count);
  void stop_waiting_for_rate();
  [[nodiscard]] std::size_t window() const;
  [[nodiscard]] std::uint64_t output_limit() const;
  [[nodiscard]] std::size_t pause_above(std::size_t usual) const;
  [[nodiscard]] bool over_output_buffer();

  [[nodiscard]] Recording recording() const;

  // expiries of keys
  [[nodiscard]] static bool may_add_expiry(const policy::Permit& permit);
  [[nodiscard]] bool adds_block(const policy::Permit& permit) const;
  Step send_block(const policy::Permit& permit);
  [[nodiscard]] bool back_from_apart();
  [[nodiscard]] std::uint32_t write_judged(const policy::Permit& permit, std::string& out,
                                           Place place);
  [[nodiscard]] std::uint32_t end_block(const policy::Permit& permit, std::string& out,
                                        Place place);
  [[nodiscard]] AddedAnswers& added_answers();
  void pass_on(const upstream::Awaiting& awaiting, const upstream::ReplyPart& part);
  void on_discarded_error(const upstream::Awaiting& awaiting, std::string_view error) override;
  void note_expiry(const policy::Permit& permit);
  void settle_expiries();

  // what triggers are told: session_attest.cc
  [[nodiscard]] bool attestable(const policy::Permit& permit);
  void note_source(Draft* draft) const;
  void note_large(const policy::Permit& permit, Draft* draft);
  [[nodiscard]] bool leaves_beside() const;
  [[nodiscard]] trigger::Signer signer() const;
  void write_signed(std::string& out, std::span<const std::string_view> more = {}) const;
  [[nodiscard]] std::uint32_t write_beside(std::string& out,
                                           const std::vector<trigger::Leaving>& beside) const;
  [[nodiscard]] bool queue_signed(Draft* draft, const view::Member& member);
  void settle_leavings();

  // lanes
  Step local(const policy::Permit& permit);
  Step greeting(bool hello);
  Step begin_login(const GreetingRequest& request);
  [[nodiscard]] std::string_view login_obstacle(std::string_view secret, std::string issuer = {},
                                                std::string evidence = {});
  void note_refused(const LoginRefused& refused);
  void certificate_login();
  void certificate_login_done(LoginResult result);
  [[nodiscard]] Proof proof();
  void login_done(const GreetingRequest& request, Place place, LoginResult result);
  [[nodiscard]] std::string adopt(const GreetingRequest& request, std::unique_ptr<Login> fresh,
                                  std::uint64_t& ticket);
  void take_login(std::unique_ptr<Login> fresh);
  void join_roster(const std::string& principal);
  void log_off(EndedBy by, std::string_view reason);
  void set_name(std::string_view name);
  void appear();
  Step select();
  Step client();
  Step multi();
  Step exec();
  Step discard();
  Step unsubscribe_nothing();
  Step reset();
  Step queue(const policy::Permit& permit);
  std::uint64_t forget_queued(std::string_view why);
  void abandon_queued(std::string_view why);
  template <class Way>
  Step forward(const policy::Permit& permit, Way& way, upstream::Link& link);
  Step forward(const policy::Permit& permit, upstream::Link& link);
  Step send_shared(const policy::Permit& permit);
  Step send_lent(const policy::Permit& permit);
  Step send_held(const policy::Permit& permit);
  Step send_relay(const policy::Permit& permit);
  [[nodiscard]] bool relay_carries() const;
  [[nodiscard]] const Login& carrier() const { return relay_login_ ? *relay_login_ : *login_; }
  void spend_hint();
  Step deny_channel();
  bool unwatch_held();
  void unwatch_relay(Place place);
  [[nodiscard]] upstream::Awaiting exec_awaiting();
  Step exec_on_relay();
  void leave_relay();
  [[nodiscard]] bool literal_channels_ready();
  void add_literal_channel(std::string pattern);
  void end_pins();
  // Keys are watched or channels subscribed: state that names and rights may not change under.
  [[nodiscard]] bool pinned() const { return held_ || relay_ != nullptr; }
  [[nodiscard]] upstream::LinkKey link_key() const;
  [[nodiscard]] upstream::Link& shared_link();
  [[nodiscard]] upstream::Link& link_for_block();
  [[nodiscard]] upstream::Loan borrow();

  // large requests
  void upload_begin();
  [[nodiscard]] bool upload_admit();
  void upload_argument(std::size_t length);
  void upload_chunk(std::string_view bytes);
  void upload_end();
  void upload_refuse(std::string text, std::uint64_t ticket);
  void upload_end_session();
  void upload_refused(const Upload& upload);
  void upload_renamed();
  [[nodiscard]] upstream::Link* upload_link();
  [[nodiscard]] std::string& upload_target();
  [[nodiscard]] std::optional<policy::Permit> upload_judge(const command::Analysis& analysis,
                                                           std::size_t length);

  // commands to the proxy itself
  Step keyward(Args args);
  Step break_glass(Args args);
  void glass_is_broken(std::unique_ptr<Login> fresh, const policy::Snapshot::BreakGlass& available,
                       std::string_view reason, Place place);
  [[nodiscard]] std::optional<std::chrono::seconds> break_glass_left() const;
  [[nodiscard]] bool break_glass_over() const;
  void end_break_glass(std::string_view reason);
  void mind_break_glass(MonoTime now);
  void fall_back();
  [[nodiscard]] std::string break_glass_hint();

  // refusals of Redis for what the policy allows: session_drift.cc
  void keep_lone(std::string_view request);
  [[nodiscard]] bool mend(const upstream::Awaiting& awaiting, const upstream::ReplyPart& part);
  void send_again(const upstream::Awaiting& awaiting);
  void not_again(const upstream::Awaiting& awaiting);
  void note_refusal(const upstream::Awaiting& awaiting, const upstream::ReplyPart& part);

  // answers
  void on_reply(const upstream::Awaiting& awaiting, const upstream::ReplyPart& part) override;
  void on_lost(const upstream::Awaiting& awaiting, bool maybe_executed) override;
  void on_room() override;
  void on_loan_lost() override;
  void on_relay_reply(const upstream::Awaiting& awaiting, const upstream::ReplyPart& part) override;
  void on_relay_bytes() override;
  bool show_relay_frame(std::string_view frame, std::string& out) override;
  void on_relay_unreadable(const char* why) override;
  void on_relay_down(const std::vector<upstream::Awaiting>& lost) override;
  void deliver(const upstream::Awaiting& awaiting, const upstream::ReplyPart& part);
  void one_less_in_flight();
  void mind_room(upstream::Link& link);

  Shard& shard_;
  SourceSeat seat_;
  const std::uint64_t id_;
  std::unique_ptr<net::Stream> stream_;
  Phase phase_ = Phase::open;
  Pause pause_ = Pause::none;
  bool resume_ = false;  // a pause ended: go on with the input at the end of the turn
  MonoTime accepted_, progress_, stalled_since_{};
  std::size_t taken_since_ = 0;  // bytes the client took since then
  bool stalling_ = false;        // a link was paused for the answers under way
  Ending ending_;
  bool told_ = false;        // that it ended: it leaves when the input at hand was answered
  bool end_minded_ = false;  // the shard asks mind_end() often
  std::string end_detail_;   // why it was revoked
  bool near_end_ = false;    // past most of its life
  EndedBy left_by_ = EndedBy::client;
  std::string leave_reason_;

  resp::RequestParser parser_;
  Buffer inbox_;  // input that is not consumed yet
  ReplyQueue replies_;
  audit::Durability waits_for_ = audit::Durability::written;  // the answers in it
  std::uint64_t intent_ = 0;  // of the command being judged, once it is recorded
  Account account_;
  command::Command command_;  // the one being judged
  bool counted_ = false,
       charged_ = false;    // it, as one, and against the rate: it may be judged more than once
  bool leaves_ = false;     // it, something for triggers: shard_.leavings()
  bool at_source_ = false;  // its record says so: attested, or refused

  resp::Protocol protocol_ = resp::Protocol::resp2;
  std::uint32_t db_ = 0;
  Presence presence_;  // what CLIENT LIST shows of it
  std::unique_ptr<Login> login_;
  std::shared_ptr<Usage> usage_;  // of the identity; set while there is a login
  // While channels stay subscribed on a link of the rights of before: those, and their lease.
  std::unique_ptr<Login> relay_login_;
  std::uint64_t equal_in_ = 0;     // the version that was found to grant the same
  KeptRequest waits_;              // the command under way may block: what it says
  std::string wait_refusal_;       // its wait is being ended, and this is what its client is told
  std::uint64_t wait_ticket_ = 0;  // of the record of that
  MonoTime wait_told_ = MonoTime::max();      // when Redis was first told
  std::optional<MonoTime> break_glass_ends_;  // while its grants are in force
  // What break-glass would add, asked for once a login; null = nothing.
  std::optional<std::shared_ptr<const policy::Grants>> emergency_;
  std::unique_ptr<LoginFlow> login_flow_;
  Place login_place_ = kNoPlace;  // of the command that it will answer
  std::optional<net::PeerCertificate> certificate_;
  const std::string client_identity_;  // the listener's

  // Where commands are on their way: all of them on one link, so no two links can reorder one
  // client.
  std::size_t in_flight_ = 0;
  upstream::Link* flight_link_ = nullptr;
  upstream::Link* paused_link_ = nullptr;
  upstream::Link* room_link_ = nullptr;
  // What shared_link() found last; good while the pool removed none. A new login forgets it.
  struct {
    upstream::Link* link = nullptr;
    std::uint64_t removals = 0;
    resp::Protocol protocol = resp::Protocol::resp2;
    std::uint32_t db = 0;
  } shared_;
  LoneRequest lone_;           // the request under way, when it is the only one
  upstream::Loan lent_;        // for the one blocking command or large request under way
  upstream::Loan held_;        // while keys are watched
  bool watch_broken_ = false;  // a WATCH ended with the rights it stood on: EXEC must not run
  bool apart_ = false;         // a block went over the shared link while another is held
  bool held_ends_ = false;     // an EXEC, DISCARD or UNWATCH is under way on it
  std::unique_ptr<Relay> relay_;
  std::unique_ptr<Transaction> transaction_;
  std::unique_ptr<Upload> upload_;
  std::unique_ptr<AnswerView> looking_;          // at the answer that is coming in pieces
  Ring<std::vector<view::Member>> members_;      // of each EXEC under way that needs it
  std::unique_ptr<AddedAnswers> added_answers_;  // made when a block is sent first
  std::set<std::string, std::less<>>
      literals_;  // PSUBSCRIBE patterns that Redis knows of literally
  std::string channel_error_;
  std::uint64_t transactions_ = 0;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace keyward::proxy
