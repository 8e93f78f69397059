// The end of a session, whatever its cause. When which step is due is the table of ending.cc; here
// is what the steps do.
#include "proxy/session.h"
#include "proxy/wire_errors.h"

#include "keyward/base/log.h"

namespace keyward::proxy {

using command::Kind;

namespace {

// The shard looks at all sessions once a second, and at those near their end more often.
constexpr std::chrono::seconds kNear{2};

}  // namespace

void Session::end_now(std::string_view reason) {
  if (phase_ == Phase::closed || login_ == nullptr || ending_.revoked()) return;
  const MonoTime now = shard_.clock().mono();
  ending_.end(EndCause::revoked, now);
  end_detail_ = reason;
  cancel_login();
  if (pause_ == Pause::rate) {
    stop_waiting_for_rate();
    resume(Pause::rate);
  }
  // The Redis user is not held for the sake of an idle connection.
  if (in_flight_ == 0) give_up_rights();
  watch_end(now);
}

bool Session::hold_against(const identity::DenyList& denials) {
  if (phase_ == Phase::closed || login_ == nullptr || ending_.revoked()) return false;
  const audit::Subject& subject = account_.subject();
  const auto denied = [&](const Login& login) {
    return denials.denies(*login.principal, subject.session_id,
                          login.lease ? std::string_view((*login.lease)->user) : "", login.since);
  };
  const identity::Revocation* by = denied(*login_);
  if (by == nullptr && relay_login_ != nullptr) by = denied(*relay_login_);
  if (by == nullptr) return false;
  end_now(std::string(identity::name(by->target)) + " " + by->id);
  return true;
}

void Session::watch_end(MonoTime now) {
  if (mind_end(now) && !std::exchange(end_minded_, true)) shard_.mind_end_of(*this);
}

bool Session::mind_end(MonoTime now) {
  if (phase_ == Phase::closed || login_ == nullptr) return end_minded_ = false;
  if (ending_.near(now)) note_near_end(true);
  const UnderWay under_way{.waits = static_cast<bool>(waits_),
                           .told = wait_told_,
                           .answers = in_flight_ > 0 || pause_ == Pause::login,
                           .subscribed = relay_ != nullptr};
  switch (ending_.step(now, under_way)) {
    case EndStep::nothing:
      break;
    case EndStep::end_wait:
      end_wait(ended_text(), 0);
      break;
    case EndStep::leave:
      leave_ended();
      break;
    case EndStep::cut:
      close(ended_by(), end_reason());
      break;
  }
  if (phase_ != Phase::closed && now + kNear >= ending_.begins()) return true;
  return end_minded_ = false;
}

// A credential that may renew the session. Whoever was told that it ended is on the way out.
bool Session::renews(Args args) const {
  if (told_ || ending_.revoked()) return false;
  const command::CommandInfo* info = shard_.policy().snapshot->catalog().find(args);
  if (info == nullptr) return false;
  return info->kind == Kind::auth ||
         (info->kind == Kind::hello && parse_greeting(args, true).credential);
}

// What is queued for a transaction is refused one by one until its EXEC; anything else is told and
// the connection closed.
Session::Step Session::refuse_ended(Args args) {
  shard_.metrics().sessions_expired.add();
  const command::CommandInfo* info = shard_.policy().snapshot->catalog().find(args);
  if (transaction_ != nullptr && info != nullptr) {
    if (info->kind == Kind::exec) {
      const std::uint64_t ticket = forget_queued("the session ended");
      told_ = true;
      answer_error(wire::kExecEnded, ticket);
      return Step::done;
    }
    if (!is_local(info->kind)) {
      abandon_queued("the session ended");
      answer_error(ended_text());
      return Step::done;
    }
  }
  told_ = true;
  answer_error(ended_text());
  return Step::done;
}

std::string_view Session::ended_text() const {
  return ending_.cause(shard_.clock().mono()) == EndCause::expired ? wire::kExpired
                                                                   : wire::kRevoked;
}

EndedBy Session::ended_by() const {
  switch (ending_.cause(shard_.clock().mono())) {
    case EndCause::revoked:
      return EndedBy::revoked;
    case EndCause::policy:
      return EndedBy::policy;
    default:
      return EndedBy::expired;
  }
}

// As the record of the end says it.
std::string_view Session::end_reason() const {
  const EndedBy by = ended_by();
  return by == EndedBy::policy ? "no grant under the new policy"
                               : kEndedBy[static_cast<std::size_t>(by)];
}

void Session::leave_ended() { leave(ended_by(), end_reason()); }

// Who renews in time is never seen there: a client that does not renew at all shows before it is
// cut.
void Session::note_near_end(bool near) {
  if (std::exchange(near_end_, near) == near) return;
  Counter& gauge = shard_.metrics().sessions_near_end;
  if (!near) return gauge.subtract();
  gauge.add();
  const auto left =
      std::chrono::duration_cast<std::chrono::seconds>(ending_.expires() - shard_.clock().mono());
  spdlog::debug("session {} of {} from {} ends in {} s and was not renewed",
                account_.subject().session_id, log::printable(account_.subject().principal),
                account_.subject().source_ip, left.count());
}

// Redis ends the wait: an element that was on its way is still delivered, none is lost. The first
// refusal is the one its client gets. Asked for again while the wait goes on: Redis may have been
// told before the command reached it.
void Session::end_wait(std::string_view refusal, std::uint64_t ticket) {
  if (flight_link_ == nullptr) return;
  if (wait_refusal_.empty()) {
    wait_told_ = shard_.clock().mono();
    wait_refusal_ = refusal;
    wait_ticket_ = ticket;
  }
  if (flight_link_->client_id() != 0) shard_.unblock(flight_link_->client_id());
}

// A login or a renewal that is on its way comes too late.
void Session::cancel_login() {
  if (pause_ != Pause::login) return;
  login_flow_.reset();
  if (login_place_ != kNoPlace) {
    std::string refusal;
    resp::write_error(refusal, ended_text());
    replies_.add(login_place_, refusal);
    replies_.finish(login_place_);
    told_ = true;
  }
  resume(Pause::login);
}

}  // namespace keyward::proxy
