// What a new policy version means for a session that is there: with its next command, and without
// one.
#include "proxy/session.h"
#include "proxy/wire_errors.h"

#include <algorithm>
#include <array>

namespace keyward::proxy {

namespace {

constexpr std::string_view kNothing = "the policy that is now in force grants you nothing";

}  // namespace

void Session::take_login(std::unique_ptr<Login> fresh) {
  shared_ = {};
  const bool first = login_ == nullptr;
  const bool other_names =
      !first && login_->grants->name_space() != fresh->grants->name_space() && pinned();
  if (!first && login_->lease && (*login_->lease)->user != (*fresh->lease)->user) {
    // Links of a WATCH and of subscriptions go on as the user they logged in as: one ends, the
    // other keeps its lease.
    if (held_) {
      held_.drop();
      watch_broken_ = true;
    }
    if (relay_ != nullptr && relay_login_ == nullptr) relay_login_ = std::move(login_);
  }
  login_ = std::move(fresh);
  emergency_.reset();
  literals_.clear();
  // Who was in a database stays there, and is refused when it is no longer granted: a write must
  // not land in another one.
  if (first && !login_->grants->may_select(db_))
    db_ = login_->grants->databases().empty() ? 0 : login_->grants->databases().front();
  ending_.renewed(shard_.clock().mono() + (login_->ends - shard_.clock().wall()),
                  login_->ends - login_->since);
  note_near_end(false);
  if (other_names) return leave(EndedBy::policy, "the namespace changed");
  if (relay_ != nullptr && !keeps_subscriptions(*login_->grants))
    leave(EndedBy::policy, "a subscribed channel is no longer granted");
}

// What the version in force grants, with break-glass while it is active.
Shard::Rights Session::rights_now() {
  if (!break_glass_ends_ || break_glass_over()) return shard_.rights_of(login_->principal);
  const policy::InForce::Version now = shard_.policy();
  auto found = now.snapshot->grants_for(*login_->principal, true);
  return {now.number, found ? std::move(*found) : nullptr};
}

// With the next command: the same person's rights under the version in force. False: wait, then
// judge the command anew.
bool Session::renew_policy() {
  // A transaction under way ends under the version that began it when both grant the same.
  if (transaction_ != nullptr && equal_in_ == shard_.policy().number && !break_glass_over())
    return true;
  // Every record names the version that judged: it changes only while nothing is on its way.
  if (in_flight_ > 0) {
    pause_ = Pause::idle;
    return false;
  }
  Shard::Rights now = rights_now();
  if (now.grants != nullptr && login_->lease &&
      now.grants->rights_id() == login_->grants->rights_id()) {
    keep_rights(std::move(now));
    return true;
  }
  give_up_rights();
  pause_ = Pause::login;
  login_flow_ = std::make_unique<LoginFlow>(
      shard_, [this](LoginResult result) { renewed(std::move(result)); });
  login_flow_->renew(login_->principal, login_->since, break_glass_ends_ && !break_glass_over());
  return pause_ == Pause::none;
}

void Session::renewed(LoginResult result) {
  if (auto* fresh = std::get_if<std::unique_ptr<Login>>(&result)) {
    const bool over = break_glass_over();
    take_login(std::move(*fresh));
    account_.renewed(*login_);
    if (!login_->grants->break_glass())
      end_break_glass(over ? "its time is over" : "the policy no longer grants it");
    resume(Pause::login);
    if (outdated()) shard_.judge_soon(*this);
    return;
  }
  if (std::holds_alternative<LoginUndecided>(result)) {
    answer_error(wire::kCannotDecide);
    return leave(EndedBy::redis, "no Redis user for the new policy");
  }
  answer_error(wire::denied(kNothing, account_.request_id()));
  leave(EndedBy::policy, "no grant under the new policy");
}

// The new version grants the same: the session keeps its lease and its links, and its records name
// the new version. Precondition: nothing is on its way.
void Session::keep_rights(Shard::Rights now) {
  equal_in_ = now.number;
  ending_.lift();
  // What is queued points into the grants that judged it.
  if (transaction_ != nullptr) return;
  login_->grants = std::move(now.grants);
  login_->policy_number = now.number;
  account_.renewed(*login_);
}

// The rights changed: nothing that was begun under the old ones is finished under them, and their
// lease is not held for the sake of an idle connection. Precondition: nothing is on its way.
void Session::give_up_rights() {
  abandon_queued("the rights of the session changed");
  if (held_) {
    held_.drop();
    watch_broken_ = true;
  }
  if (relay_ != nullptr && relay_->watches()) watch_broken_ = true;
  shared_ = {};
  // Subscriptions, and a large request on its way, live on a link of that lease.
  if (relay_ == nullptr && upload_ == nullptr) login_->lease.reset();
}

// Without a command. Whatever cannot be judged now is judged when it can: see judge_soon().
void Session::judge_anew() {
  if (phase_ != Phase::open || login_ == nullptr || pause_ == Pause::login || !outdated()) return;
  if (ended()) return;
  shard_.metrics().sessions_judged_anew.add();
  Shard::Rights now = rights_now();
  if (now.grants == nullptr) return revoke();
  ending_.lift();
  if (now.grants->rights_id() == login_->grants->rights_id()) {
    if (in_flight_ == 0 && login_->lease) keep_rights(std::move(now));
    return;
  }
  if (relay_ != nullptr && !keeps_subscriptions(*now.grants)) {
    shard_.metrics().sessions_revoked.add();
    return close(EndedBy::policy, "a subscribed channel is no longer granted");
  }
  if (upload_ != nullptr) return;  // its end is judged by the version in force then
  if (in_flight_ == 0) return give_up_rights();
  if (waits_) judge_wait(*now.grants);
}

// Nothing is granted any more. Who sends a command until the end is told.
void Session::revoke() {
  if (ending_.ended(EndCause::policy)) return;
  shard_.metrics().sessions_revoked.add();
  const MonoTime now = shard_.clock().mono();
  ending_.end(EndCause::policy, now);
  if (relay_ == nullptr && upload_ == nullptr && in_flight_ == 0) give_up_rights();
  if (waits_) refuse_wait({.nearest = nullptr, .text = std::string(kNothing)});
  watch_end(now);
}

// The command that waits in Redis goes on waiting only if the new version allows it as well.
void Session::judge_wait(const policy::Grants& now) {
  command::Command command;
  const auto args = waits_.args();
  const command::Catalog& catalog = shard_.policy().snapshot->catalog();
  if (command::analyse(catalog, args, command).verdict != command::Verdict::ok) return;
  const policy::Decision decision = now.decide(command, {.db = db_});
  const auto* denial = std::get_if<policy::Denial>(&decision);
  if (denial == nullptr || !wait_refusal_.empty()) return;
  shard_.metrics().sessions_revoked.add();
  refuse_wait(*denial);
}

// The record of the refusal is of the session as it is: under the version that let the command
// wait, with the reason "reload".
void Session::refuse_wait(const policy::Denial& denial) {
  if (!wait_refusal_.empty() || flight_link_ == nullptr) return;
  const command::Catalog& catalog = shard_.policy().snapshot->catalog();
  command::Command command;
  const auto args = waits_.args();
  if (command::analyse(catalog, args, command).verdict != command::Verdict::ok) return;
  const std::uint64_t ticket =
      account_.refused(command.info->name, &command, &denial, "reload", db_);
  // Lifted when the wait is over, unless nothing is granted any more.
  ending_.end(EndCause::policy, shard_.clock().mono());
  end_wait(wire::denied(denial.text, account_.request_id()), ticket);
  watch_end(shard_.clock().mono());
}

bool Session::keeps_subscriptions(const policy::Grants& now) const {
  // Messages are shown by the names of the rights that subscribed.
  if (now.name_space() != carrier().grants->name_space()) return false;
  const command::Catalog& catalog = shard_.policy().snapshot->catalog();
  const auto all_allowed = [&](std::string_view verb, const auto& names) {
    return std::all_of(names.begin(), names.end(), [&](const std::string& name) {
      const std::array<std::string_view, 2> args{verb, name};
      command::Command command;
      return command::analyse(catalog, args, command).verdict == command::Verdict::ok &&
             std::holds_alternative<policy::Permit>(now.decide(command, {.db = db_}));
    });
  };
  return all_allowed("subscribe", relay_->channels()) &&
         all_allowed("psubscribe", relay_->patterns()) &&
         all_allowed("ssubscribe", relay_->shards());
}

}  // namespace keyward::proxy
