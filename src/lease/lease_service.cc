#include "keyward/lease/lease_service.h"

#include "lease/service_state.h"

#include <boost/asio/post.hpp>

#include <algorithm>

namespace keyward::lease {

namespace asio = boost::asio;
using std::chrono::milliseconds;
using upstream::ControlReply;

std::string_view lease_owner(std::string_view principal, const policy::Grants& grants) {
  return grants.lease().by_rights ? std::string_view() : principal;
}

LeaseService::State::State(asio::io_context& context, upstream::Control& connection,
                           LeaseConfig settings, audit::Journal& trail, const Clock& now,
                           fleet::Store* records)
    : io(context),
      control(connection),
      config(std::move(settings)),
      prefix(user_prefix(config.instance)),
      journal(trail),
      clock(now),
      book({.max_users = config.max_users,
            .linger = config.linger,
            .rotate_every = config.rotate_every,
            .overlap = config.overlap}),
      log_watch(prefix),
      store(records),
      timer(context),
      log_timer(context),
      look_timer(context),
      compare_timer(context),
      fellow_timer(context),
      stop_timer(context) {}

void LeaseService::State::post(LeaseBook::Calls calls) {
  for (auto& one : calls) asio::post(io, std::move(one));
}

void LeaseService::State::pump() {
  while (!gone && reconciled && control.up()) {
    const auto work = book.take_work();
    if (!work) break;
    switch (work->kind) {
      case LeaseBook::Work::Kind::mint:
        mint(work->user);
        break;
      case LeaseBook::Work::Kind::remake:
        remake(work->user);
        break;
      case LeaseBook::Work::Kind::remove:
        remove(work->user);
        break;
    }
  }
  arm();
}

void LeaseService::State::record(audit::Kind kind, const Lease& lease, audit::Outcome outcome,
                                 std::string_view reason, std::string_view detail) {
  audit::Subject subject;
  subject.principal = lease.principal;
  subject.lease_user = lease.user;
  subject.policy_version = lease.policy_version;
  audit::Event event;
  event.kind = kind;
  event.outcome = outcome;
  event.subject = &subject;
  event.reason = reason;
  event.detail = detail;
  journal.append(event);
  journal.flush();
}

// Looks an eighth of the shortest wait apart.
void LeaseService::State::arm() {
  if (armed || gone || !book.timed()) return;
  armed = true;
  timer.expires_after(std::clamp(config.linger / 8, milliseconds(5), milliseconds(500)));
  timer.async_wait([self = shared_from_this()](boost::system::error_code error) {
    self->armed = false;
    if (error || self->gone) return;
    self->post(self->book.expire(self->clock.mono()));
    self->pump();
  });
}

LeaseService::LeaseService(asio::io_context& io, upstream::Control& control, LeaseConfig config,
                           audit::Journal& journal, const Clock& clock, fleet::Store* store)
    : state_(std::make_shared<State>(io, control, std::move(config), journal, clock, store)) {
  state_->book.tell_renewed([weak = state_->weak_from_this()](const LeasePtr& lease) {
    const auto state = weak.lock();
    if (!state || state->gone) return;
    ++state->counters.rotated;
    if (state->hooks.renewed) state->hooks.renewed(lease);
  });
}

LeaseService::~LeaseService() {
  state_->gone = true;
  state_->timer.cancel();
  state_->log_timer.cancel();
  state_->look_timer.cancel();
  state_->compare_timer.cancel();
  state_->fellow_timer.cancel();
  if (state_->claim != nullptr) state_->claim->stop();
  state_->stop_timer.cancel();
}

void LeaseService::acquire(const std::string& principal,
                           std::shared_ptr<const policy::Grants> grants, Done done) {
  if (principal.empty() || !grants || state_->stopping) {
    return state_->post({[done = std::move(done), stopping = state_->stopping] {
      done(stopping ? Error(Errc::unavailable, "Keyward is stopping")
                    : Error(Errc::internal, "a lease needs a principal and its grants"));
    }});
  }
  if (grants->lease().fixed) return state_->give_static(*grants, std::move(done));
  const std::string owner(lease_owner(principal, *grants));
  const std::string user = user_name(state_->prefix, owner, *grants);
  const auto draft = [user, owner, rights = grants->rights_id(),
                      version = grants->policy_version()]() -> LeasePtr {
    return std::make_shared<const Lease>(Lease{user, new_password(), rights, owner, version});
  };
  state_->post(
      state_->book.acquire(user, std::move(grants), draft, std::move(done), state_->clock.mono()));
  state_->pump();
}

void LeaseService::release(const std::string& user) {
  state_->book.release(user, state_->clock.mono());
  state_->arm();
}

void LeaseService::allow_literal_channel(const std::string& user, const std::string& pattern,
                                         std::function<void(Result<>)> done) {
  // What the static user may hear is not for Keyward to say.
  if (state_->is_static(user)) return state_->post({[done = std::move(done)] { done({}); }});
  if (auto ok = check_literal(pattern); ok.has_error()) {
    return state_->post({[done = std::move(done), ok] { done(ok); }});
  }
  state_->post(state_->book.allow_literal(user, pattern, std::move(done), state_->clock.mono()));
  state_->pump();
}

void LeaseService::repair(const std::string& user, Refusal refusal,
                          std::function<void(Result<>)> done) {
  State& state = *state_;
  if (state.is_static(user)) return state.repair_static(done);
  const MonoTime now = state.clock.mono();
  if (refusal == Refusal::command) {
    const auto last = state.drifted.find(user);
    if (last != state.drifted.end() && now - last->second < std::chrono::seconds(1)) {
      return state.post({[done = std::move(done)] {
        done(Error(Errc::limit, "this Redis user was made again a moment ago"));
      }});
    }
  }
  const auto cause =
      refusal == Refusal::login ? LeaseBook::Cause::repair : LeaseBook::Cause::refused;
  state.post(state.book.repair(user, cause, std::move(done), now));
  state.pump();
}

void LeaseService::look() { state_->look(); }

std::string LeaseService::rival() const {
  return state_->claim == nullptr ? std::string() : state_->claim->rival();
}

void LeaseService::set_hooks(Hooks hooks) { state_->hooks = std::move(hooks); }

void LeaseService::on_control_up(std::function<void(Result<>)> done) {
  State& state = *state_;
  state.reconciled = state.under_look = state.comparing = false;
  state.acl_watch.connection_lost();
  state.look_at_log();
  state.claim_name_first([state = state_, done = std::move(done)](const Result<>& claimed) {
    if (!claimed) return done(claimed);
    state->look_first(done);
  });
}

void LeaseService::delete_all(milliseconds deadline, std::function<void()> done) {
  State& state = *state_;
  state.stopping = true;
  state.log_timer.cancel();
  state.look_timer.cancel();
  state.fellow_timer.cancel();
  state.on_stopped = std::move(done);
  if (state.claim != nullptr) {
    state.releasing = true;
    state.claim->release([held = state_] {
      held->releasing = false;
      asio::post(held->io, [held] { held->maybe_stopped(); });
    });
  }
  state.post(state.book.remove_all(Error(Errc::unavailable, "Keyward is stopping")));
  state.stop_timer.expires_after(deadline);
  state.stop_timer.async_wait([held = state_](boost::system::error_code error) {
    if (!error && !held->gone) held->stopped();
  });
  state.pump();
  asio::post(state.io, [held = state_] { held->maybe_stopped(); });
}

LeaseService::Counters LeaseService::counters() const {
  Counters counters = state_->counters;
  counters.live = state_->book.live();
  counters.others = state_->others.size();
  return counters;
}

}  // namespace keyward::lease
