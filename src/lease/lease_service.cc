#include "keyward/lease/lease_service.h"

#include "lease/acl_log.h"
#include "lease/acl_user.h"
#include "lease/book.h"
#include "lease/self_test.h"

#include "keyward/base/log.h"

#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

#include <algorithm>
#include <unordered_set>

namespace keyward::lease {
namespace {

namespace asio = boost::asio;
using std::chrono::milliseconds;
using upstream::ControlReply;

const char* reason_text(LeaseBook::Why why) {
  switch (why) {
    case LeaseBook::Why::unused:
      return "unused";
    case LeaseBook::Why::evicted:
      return "made room for another";
    case LeaseBook::Why::failed:
      return "never handed out";
    case LeaseBook::Why::shutdown:
      return "shutdown";
  }
  return "";
}

std::string joined(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ",") + name;
  return text;
}

}  // namespace

std::string_view lease_owner(std::string_view principal, const policy::Grants& grants) {
  return grants.lease().by_rights ? std::string_view() : principal;
}

// Handlers hold the state alive; `gone` says that the service is not: journal and control must not
// be touched then.
struct LeaseService::State : std::enable_shared_from_this<LeaseService::State> {
  State(asio::io_context& context, upstream::Control& connection, LeaseConfig settings,
        audit::Journal& trail, const Clock& now)
      : io(context),
        control(connection),
        config(std::move(settings)),
        prefix(user_prefix(config.instance)),
        journal(trail),
        clock(now),
        book({.max_users = config.max_users, .linger = config.linger}),
        log_watch(prefix),
        timer(context),
        log_timer(context),
        stop_timer(context) {}

  // Callers are never called back from inside their own call.
  void post(LeaseBook::Calls calls) {
    for (auto& one : calls) asio::post(io, std::move(one));
  }

  // Sends what the book wants to be sent, if Redis is there and the leftovers of an earlier run are
  // gone.
  void pump() {
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

  // --- making
  void mint(const std::string& user) {
    const auto* entry = book.find(user);
    const auto grants = entry->grants;
    const bool tested = !grants->acl().probes.empty();
    auto made = std::make_shared<Result<ControlReply>>(Error());
    control.call(setuser(*entry->lease, grants->acl(), {}),
                 [self = shared_from_this(), user, made, tested](Result<ControlReply> reply) {
                   *made = std::move(reply);
                   if (!tested && !self->gone) self->minted(user, *made, SelfTest::passed, {});
                 });
    if (!tested) return;
    // Sent right behind. Should SETUSER have failed, its answer, which comes first, decides
    // whatever the probes say.
    self_test(control, user, grants->acl(),
              [self = shared_from_this(), user, made](SelfTest test, const std::string& detail) {
                if (!self->gone) self->minted(user, *made, test, detail);
              });
  }

  void minted(const std::string& user, const Result<ControlReply>& reply, SelfTest test,
              const std::string& detail) {
    if (reply.has_error() || test == SelfTest::lost) {
      book.lost(user);
      return pump();
    }
    if (reply->type == ControlReply::Type::error)
      return refused(user, "Redis refused to make a user: " + reply->text);
    const auto* entry = book.find(user);
    if (test == SelfTest::disagrees) {
      record(audit::Kind::lease_create, *entry->lease, audit::Outcome::error, "self-test failed",
             detail);
      return refused(user, "the Redis user that was made does not match the policy: " + detail);
    }
    if (test == SelfTest::skipped && !std::exchange(told_untested, true)) {
      spdlog::warn(
          "this Redis cannot check new users (ACL DRYRUN); the policy's rules are used unchecked");
    }
    ++counters.created;
    record(
        audit::Kind::lease_create, *entry->lease, audit::Outcome::ok, "login",
        "grants " + joined(entry->grants->grant_names()) +
            (entry->lease->principal.empty() ? "; shared by all identities of equal rights" : ""));
    if (!journal.healthy()) {
      post(book.failed(user, Error(Errc::unavailable, "the audit trail cannot be written")));
    } else {
      post(book.made(user, clock.mono()));
    }
    pump();
  }

  void refused(const std::string& user, const std::string& why) {
    ++counters.failed;
    spdlog::error("lease {}: {}", user, log::printable(why, 512));
    post(book.failed(user, Error(Errc::internal, why)));
    pump();
  }

  // The same user with the same password once more: after drift, after a restart of Redis, or with
  // one more pattern.
  void remake(const std::string& user) {
    const auto* entry = book.find(user);
    const auto cause = entry->sent_cause;
    control.call(setuser(*entry->lease, entry->grants->acl(), entry->literals),
                 [self = shared_from_this(), user, cause](const Result<ControlReply>& reply) {
                   if (!self->gone) self->remade(user, cause, reply);
                 });
  }

  void remade(const std::string& user, LeaseBook::Cause cause, const Result<ControlReply>& reply) {
    const auto* entry = book.find(user);
    if (reply.has_error()) {
      book.lost(user);
      return pump();
    }
    if (reply->type == ControlReply::Type::error) {
      return refused(user, "Redis refused to change a user: " + reply->text);
    }
    if (entry != nullptr && cause >= LeaseBook::Cause::recreate) {
      ++counters.repaired;
      if (cause == LeaseBook::Cause::repair) {
        record(audit::Kind::drift, *entry->lease, audit::Outcome::ok,
               "Redis refused the password of a leased user", {});
      }
      record(audit::Kind::lease_create, *entry->lease, audit::Outcome::ok, "made again", {});
    }
    post(book.made(user, clock.mono()));
    pump();
  }

  // --- removing
  void remove(const std::string& user) {
    control.call({"ACL", "DELUSER", user},
                 [self = shared_from_this(), user](const Result<ControlReply>& reply) {
                   if (!self->gone) self->deleted(user, reply);
                 });
  }

  void deleted(const std::string& user, const Result<ControlReply>& reply) {
    if (reply.has_error()) {
      book.lost(user);
      return pump();
    }
    const auto* entry = book.find(user);
    if (reply->type == ControlReply::Type::error) {
      ++counters.failed;
      spdlog::error("lease {}: Redis refused to delete it: {}", user, log::printable(reply->text));
    } else if (entry != nullptr && (reply->integer > 0 || entry->why != LeaseBook::Why::failed)) {
      // Every creation on the trail gets its end, also when somebody else was faster.
      ++counters.deleted;
      record(audit::Kind::lease_delete, *entry->lease, audit::Outcome::ok, reason_text(entry->why),
             reply->integer > 0 ? "" : "was gone already");
    }
    book.removed(user);
    pump();
    if (stopping && book.size() == 0) stopped();
  }

  void stopped() {
    stop_timer.cancel();
    if (const auto done = std::exchange(on_stopped, nullptr)) done();
  }

  // --- reconciling
  void reconcile(const ControlReply& users, const std::function<void(Result<>)>& done) {
    if (users.type != ControlReply::Type::array) {
      return done(
          Error(Errc::forbidden, "Redis refused ACL USERS to the admin user: " + users.text));
    }
    std::unordered_set<std::string> listed;
    for (const ControlReply& one : users.elements) {
      if (one.text.starts_with(prefix)) listed.insert(one.text);
    }
    for (const LeasePtr& lease : book.reconcile(listed)) {
      record(audit::Kind::lease_delete, *lease, audit::Outcome::ok, "no longer in Redis", {});
    }
    if (!std::exchange(swept, true)) sweep(listed);
    reconciled = true;
    pump();
    done({});
  }

  // Sent before anything else on this connection, so that a user made now is never taken for a
  // leftover.
  void sweep(const std::unordered_set<std::string>& listed) {
    for (const std::string& user : listed) {
      if (book.find(user) != nullptr) continue;
      control.call({"ACL", "DELUSER", user},
                   [self = shared_from_this(), user](const Result<ControlReply>& reply) {
                     if (self->gone) return;
                     if (reply.has_error()) {
                       self->swept = false;  // tried again when the connection is back
                     } else if (reply->type == ControlReply::Type::integer && reply->integer > 0) {
                       ++self->counters.swept;
                       Lease leftover;
                       leftover.user = user;
                       self->record(audit::Kind::lease_delete, leftover, audit::Outcome::ok,
                                    "left by an earlier run", {});
                     }
                   });
    }
  }

  // --- the tripwire
  // Seen first before any user is made, so that what an earlier run left is told apart.
  void look_at_log() {
    if (config.acl_log_every.count() == 0 || std::exchange(looking, true)) return;
    control.call({"ACL", "LOG", kAclLogEntries},
                 [self = shared_from_this()](const Result<ControlReply>& reply) {
                   self->looking = false;
                   if (self->gone || reply.has_error()) return;  // again when it is back
                   self->seen(*reply);
                 });
  }

  void seen(const ControlReply& log) {
    if (log.type != ControlReply::Type::array) {
      if (!std::exchange(told_blind, true))
        spdlog::warn(
            "Redis refuses ACL LOG to the admin user ({}); drift shows only at the command "
            "that meets it. Give the user +acl|log",
            log::printable(log.text));
      return;
    }
    for (const AclTrip& trip : log_watch.observe(log, clock.mono())) tripped(trip);
    look_later();
  }

  void tripped(const AclTrip& trip) {
    counters.acl_drift += trip.count;
    const auto* entry = book.find(trip.user);
    Lease gone_already;
    gone_already.user = trip.user;
    // A key or channel may stand in the trail, as in the records of commands; not in the log.
    constexpr std::size_t kShown = 256;
    record(audit::Kind::drift, entry != nullptr && entry->lease ? *entry->lease : gone_already,
           audit::Outcome::error, "ACL LOG has an entry about a leased user",
           trip.reason + " '" + log::printable(trip.object, kShown) + "', " + trip.context + ", " +
               std::to_string(trip.count) + (trip.count == 1 ? " time" : " times"));
    spdlog::error(
        "drift: ACL LOG tells of {} refusals ({}) of the leased user {}: its rules are not those "
        "of "
        "the policy, or somebody else uses it. The audit trail says more",
        trip.count, log::printable(trip.reason), trip.user);
  }

  void look_later() {
    if (gone || stopping) return;
    log_timer.expires_after(config.acl_log_every);
    log_timer.async_wait([self = shared_from_this()](boost::system::error_code error) {
      if (error || self->gone || self->stopping) return;
      self->look_at_log();
    });
  }

  // --- mode: static
  [[nodiscard]] bool is_static(const std::string& user) const {
    return !config.static_user.empty() && user == config.static_user;
  }

  void give_static(const policy::Grants& grants, Done done) {
    if (config.static_user.empty()) {
      return post({[done = std::move(done)] {
        done(Error(Errc::invalid,
                   "the policy wants a static Redis user, and upstream.static_user names none"));
      }});
    }
    Result<Secret> password =
        config.static_password ? config.static_password() : Result<Secret>(Secret());
    if (!password) return post({[done = std::move(done), why = password.error()] { done(why); }});
    LeasePtr lease = std::make_shared<const Lease>(Lease{
        config.static_user, std::move(*password), grants.rights_id(), {}, grants.policy_version()});
    post({[done = std::move(done), lease = std::move(lease)] { done(lease); }});
  }

  // --- the rest
  void record(audit::Kind kind, const Lease& lease, audit::Outcome outcome, std::string_view reason,
              std::string_view detail) {
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

  // One timer for everything that waits, looking an eighth of the shortest wait apart; none while
  // nothing waits.
  void arm() {
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

  asio::io_context& io;
  upstream::Control& control;
  LeaseConfig config;
  std::string prefix;
  audit::Journal& journal;
  const Clock& clock;
  LeaseBook book;
  AclLogWatch log_watch;
  asio::steady_timer timer, log_timer, stop_timer;
  Counters counters;
  std::function<void()> on_stopped;
  bool reconciled = false, swept = false, armed = false, gone = false, stopping = false;
  bool told_untested = false, told_blind = false, looking = false;
};

LeaseService::LeaseService(asio::io_context& io, upstream::Control& control, LeaseConfig config,
                           audit::Journal& journal, const Clock& clock)
    : state_(std::make_shared<State>(io, control, std::move(config), journal, clock)) {}

LeaseService::~LeaseService() {
  state_->gone = true;
  state_->timer.cancel();
  state_->log_timer.cancel();
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

void LeaseService::repair(const std::string& user, std::function<void(Result<>)> done) {
  if (state_->is_static(user)) {
    spdlog::error("Redis refuses the password of the static user {}", user);
    return state_->post({[done = std::move(done)] {
      done(Error(Errc::forbidden, "Redis refuses the password of the static user"));
    }});
  }
  state_->post(state_->book.repair(user, std::move(done), state_->clock.mono()));
  state_->pump();
}

void LeaseService::on_control_up(std::function<void(Result<>)> done) {
  state_->reconciled = false;
  state_->look_at_log();
  state_->control.call({"ACL", "USERS"},
                       [state = state_, done = std::move(done)](const Result<ControlReply>& reply) {
                         if (state->gone) return;
                         if (reply.has_error()) return done(reply.error());
                         state->reconcile(*reply, done);
                       });
}

void LeaseService::delete_all(milliseconds deadline, std::function<void()> done) {
  State& state = *state_;
  state.stopping = true;
  state.log_timer.cancel();
  state.on_stopped = std::move(done);
  state.post(state.book.remove_all(Error(Errc::unavailable, "Keyward is stopping")));
  state.stop_timer.expires_after(deadline);
  state.stop_timer.async_wait([held = state_](boost::system::error_code error) {
    if (!error && !held->gone) held->stopped();
  });
  state.pump();
  if (state.book.size() == 0) asio::post(state.io, [held = state_] { held->stopped(); });
}

LeaseService::Counters LeaseService::counters() const {
  Counters counters = state_->counters;
  counters.live = state_->book.live();
  return counters;
}

}  // namespace keyward::lease
