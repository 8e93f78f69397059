// KEYWARD ...: answered by the proxy; break-glass from its reason to its end.
#include "proxy/own_commands.h"
#include "proxy/session.h"
#include "proxy/wire_errors.h"

#include "keyward/base/log.h"
#include "keyward/base/text.h"

#include <algorithm>

namespace keyward::proxy {

Session::Step Session::keyward(Args args) {
  spend_hint();
  if (rights_are_stale() && !renew_policy()) return Step::again;
  if (relay_ != nullptr && protocol_ == resp::Protocol::resp2) {
    answer_error(wire::in_subscribed_mode("keyward"));
    return Step::done;
  }
  if (transaction_ != nullptr) {
    answer_error(wire::not_in_multi("keyward"));
    transaction_->doom();
    return Step::done;
  }
  switch (own_command(args)) {
    case OwnCommand::status:
      answer(status_reply({.principal = account_.subject().principal,
                           .session = account_.subject().session_id,
                           .grants = *login_->grants,
                           .db = db_,
                           .expires = login_->ends,
                           .break_glass_left = break_glass_left()},
                          protocol_));
      return Step::done;
    case OwnCommand::break_glass:
      return break_glass(args);
    case OwnCommand::help:
      answer(own_help());
      return Step::done;
    default:
      answer_error("ERR unknown subcommand or wrong number of arguments. Try KEYWARD HELP.");
      return Step::done;
  }
}

std::optional<std::chrono::seconds> Session::break_glass_left() const {
  if (!break_glass_ends_) return std::nullopt;
  return std::chrono::ceil<std::chrono::seconds>(
      std::max(*break_glass_ends_ - shard_.clock().mono(), MonoTime::duration{0}));
}

Session::Step Session::break_glass(Args args) {
  Result<std::string> reason = break_glass_reason(args);
  if (!reason) {
    answer_error("ERR " + reason.error().message());
    return Step::done;
  }
  // Rights change only while nothing is under way.
  if (in_flight_ > 0) return wait_idle();
  if (held_ || relay_ != nullptr) {
    answer_error(wire::kPinnedState);
    return Step::done;
  }
  const auto available = shard_.policy().snapshot->break_glass_for(*login_->principal);
  if (available.grants.empty()) {
    const policy::Denial denial{.reason = policy::DenialReason::command,
                                .nearest = nullptr,
                                .text = "no grant for emergencies (break_glass) names you"};
    const std::uint64_t ticket =
        account_.refused("keyward|break-glass", nullptr, &denial, "break_glass", db_);
    answer_error(wire::denied(denial.text, account_.request_id()), ticket);
    return Step::done;
  }
  if (!shard_.audit_healthy()) {
    answer_error(wire::kAuditDown);
    return Step::done;
  }
  pause_ = Pause::login;
  const Place place = login_place_ = replies_.reserve();
  login_flow_ = std::make_unique<LoginFlow>(
      shard_, [this, place, available, why = std::move(*reason)](LoginResult result) {
        if (auto* fresh = std::get_if<std::unique_ptr<Login>>(&result)) {
          glass_is_broken(std::move(*fresh), available, why, place);
        } else {
          std::string reply;
          resp::write_error(reply, wire::kCannotDecide);
          replies_.add(place, reply);
          replies_.finish(place);
        }
        resume(Pause::login);
        wake();
      });
  login_flow_->renew(login_->principal, login_->since, true);
  return Step::done;
}

// Recorded before anything happens by the new rights, and before the client hears of them.
void Session::glass_is_broken(std::unique_ptr<Login> fresh,
                              const policy::Snapshot::BreakGlass& available,
                              std::string_view reason, Place place) {
  fresh->ends = login_->ends;
  take_login(std::move(fresh));
  if (!std::exchange(break_glass_ends_, shard_.clock().mono() + available.life))
    shard_.metrics().break_glass_sessions.add();
  shard_.metrics().break_glass.add();
  const std::string names = joined(available.grants, ",");
  const std::string life = std::to_string(available.life.count());
  const std::uint64_t ticket =
      account_.glass_broken(*login_, reason, names, "for " + life + " seconds at most");
  spdlog::warn("break-glass: {} from {} for {} s, grants {}: {}",
               log::printable(account_.subject().principal), account_.subject().source_ip, life,
               names, reason);
  std::string reply;
  resp::write_simple(reply, "OK break-glass for " + life + " seconds: " + names);
  replies_.add(place, reply, ticket);
  replies_.finish(place, ticket);
}

bool Session::break_glass_over() const {
  return break_glass_ends_ && shard_.clock().mono() >= *break_glass_ends_;
}

// The login no longer has those rights, or is no more.
void Session::end_break_glass(std::string_view reason) {
  if (!std::exchange(break_glass_ends_, std::nullopt)) return;
  shard_.metrics().break_glass_sessions.subtract();
  account_.glass_whole(reason);
  spdlog::warn("break-glass of {} from {} ended: {}", log::printable(account_.subject().principal),
               account_.subject().source_ip, reason);
}

// At its end: who is idle falls back at once, who sends a command does so before it is judged. A
// command that waits goes on only if the usual rights allow it; subscriptions end with their link.
void Session::mind_break_glass(MonoTime now) {
  if (!break_glass_over()) return;
  if (relay_ != nullptr && in_flight_ == 0) return close(EndedBy::policy, "break-glass ended");
  if (in_flight_ == 0 && pause_ == Pause::none && upload_ == nullptr) return fall_back();
  if (waits_ && wait_refusal_.empty()) {
    const Shard::Rights usual = shard_.rights_of(login_->principal);
    if (usual.grants != nullptr) return judge_wait(*usual.grants);
  }
  if (now - *break_glass_ends_ > shard_.limits().expiry_grace)
    close(EndedBy::policy, "break-glass ended");
}

// The usual rights, and a Redis user for them, are got with the next command.
void Session::fall_back() {
  give_up_rights();
  ending_.lift();
  login_->policy_number = 0;
  end_break_glass("its time is over");
}

// Said to who is refused what break-glass would allow.
std::string Session::break_glass_hint() {
  if (break_glass_ends_ || command_.info == nullptr) return {};
  if (!emergency_) {
    emergency_.emplace();
    if (!shard_.policy().snapshot->break_glass_for(*login_->principal).grants.empty()) {
      if (auto grants = shard_.policy().snapshot->grants_for(*login_->principal, true))
        *emergency_ = std::move(*grants);
    }
  }
  if (*emergency_ == nullptr) return {};
  const policy::Decision decision =
      (*emergency_)->decide(command_, {.db = db_, .expiry_later = transaction_ != nullptr});
  if (std::holds_alternative<policy::Denial>(decision)) return {};
  return "; in an emergency: KEYWARD BREAK-GLASS <reason>";
}

}  // namespace keyward::proxy
