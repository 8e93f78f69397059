// A token becomes a credential: what the policy lets it have, for how long, on the record, and then
// into the caller's hand.
#include "credential/desk_state.h"

#include "keyward/identity/vended_password.h"

#include <algorithm>

namespace keyward::credential {
namespace {

using identity::Vended;
using std::chrono::milliseconds;
using std::chrono::seconds;
using Why = Refused::Why;

// A record of a direct credential outlives it by this, so that whoever deletes the user knows whose
// it was.
constexpr std::chrono::minutes kKnownAfter{10};

std::string joined(const std::vector<std::string>& names) {
  std::string out;
  for (const std::string& name : names) out += (out.empty() ? "" : ", ") + name;
  return out;
}

const char* word(Vended::Mode mode) { return mode == Vended::Mode::direct ? "direct" : "proxy"; }

// In the caller's words; empty = it can be had.
std::string obstacle(const policy::Snapshot::Vendable& vendable, const Wish& wish,
                     const policy::Snapshot& policy, const identity::Principal& principal) {
  const std::string mode = word(wish.mode);
  if (!vendable.refused.empty()) {
    return "no " + mode + " credentials for: " + joined(vendable.refused) +
           "; a grant gives them out when it is yours and has `credentials: {" + mode + ": ...}`";
  }
  if (vendable.grants.empty()) {
    return "none of your grants gives out " + mode + " credentials; the policy needs " +
           "`credentials: {" + mode + ": 1h}` in the grant";
  }
  if (wish.mode != Vended::Mode::direct) return {};
  if (!policy.catalog().has_selectors())
    return "direct credentials need Redis 7.0: an older one cannot hold a user to separate grants";
  if (!principal.bound_to.empty())
    return "the token is bound to a client certificate, which Redis cannot ask for";
  return {};
}

milliseconds life_in_store(const Record& record, WallTime now) {
  const auto left = std::chrono::ceil<milliseconds>(record.principal.expires_at - now);
  return record.principal.vended.mode == Vended::Mode::direct ? left + kKnownAfter : left;
}

}  // namespace

void Desk::State::give(const Request& request, const Done& done) {
  const identity::Principal& who = *request.principal;
  const Vended::Mode mode = request.wish.mode;
  const bool direct = mode == Vended::Mode::direct;
  const auto forbid = [&](const char* reason, const std::string& text) {
    done(refuse(request, Why::forbidden, {reason, text, who.issuer_alias, who.evidence}, text));
  };
  const auto snapshot = wiring.policy();
  if (snapshot == nullptr) return done(Refused{Why::unavailable, "no policy is loaded"});
  const auto all = snapshot->grants_for(who);
  if (!all || *all == nullptr) {
    // As a login: nobody learns from the answer whether the token was good.
    const identity::Refusal reason{
        all ? "no_policy" : "template_value",
        all ? "authenticated, but no grant names this identity" : all.error().message(),
        who.issuer_alias, who.evidence};
    wiring.failed(request.caller, reason);
    return done(refuse(request, Why::unauthenticated, reason, "the token was refused"));
  }
  const auto vendable = snapshot->vendable_for(who, mode, request.wish.grants);
  if (const std::string why = obstacle(vendable, request.wish, *snapshot, who); !why.empty())
    return forbid("credentials_off", why);
  auto out = std::make_shared<Given>();
  out->record.principal = who;
  out->record.principal.vended = {
      mode, identity::new_vended_user(direct ? identity::kDirectUsers : identity::kProxyUsers),
      vendable.grants};
  const auto grants = snapshot->grants_for(out->record.principal);
  if (!grants || *grants == nullptr)
    return forbid("credentials_off", "these grants cannot be had together");
  fill(*out, request, vendable.life, **grants);
  if (out->record.principal.expires_at - out->record.issued < seconds(1))
    return forbid("expired", "the token ends within a second");
  if (!given.allows(who.id, wiring.clock.mono()))
    return done(Refused{Why::too_many, "this identity was given too many within a minute"});
  if (direct && users->known() >= config.most_direct)
    return done(Refused{Why::too_many, "there are too many direct credentials at one time"});
  given.count(who.id, wiring.clock.mono());
  keep(std::move(out), request, *grants, done);
}

void Desk::State::fill(Given& out, const Request& request, seconds longest,
                       const policy::Grants& grants) const {
  const bool direct = request.wish.mode == Vended::Mode::direct;
  Record& record = out.record;
  const WallTime now = wiring.clock.wall();
  const Life life = first_life(
      {request.wish.ttl, longest, request.principal->expires_at, grants.limits().session}, now);
  out.limited_by = life.limited_by;
  out.name_space = grants.name_space();
  if (direct) out.notes = grants.acl().notes;
  out.password = direct ? Secret(hex(random_bytes(32)))
                        : identity::new_vended_password(record.principal.vended.user);
  record.principal.expires_at = life.ends;
  record.principal.auth_protocol = "keyward-credential";
  record.password = sha256(out.password.reveal());
  record.issued = now;
  record.last = direct ? now + longest : life.ends;
  record.rights_id = grants.rights_id();
  record.instance = config.instance;
}

void Desk::State::keep(std::shared_ptr<Given> out, const Request& request,
                       const std::shared_ptr<const policy::Grants>& grants, const Done& done) {
  if (!trail.healthy()) return done(Refused{Why::unavailable, "the audit trail cannot be written"});
  const Record& record = out->record;
  const auto kept = [self = shared_from_this(), out, request, grants,
                     done](const Result<>& stored) {
    if (self->stopped) return;
    if (!stored) return done(Refused{Why::unavailable, stored.error().message()});
    const std::string version = grants->policy_version();
    if (request.wish.mode != Vended::Mode::direct)
      return self->hand_over(out, request, version, done);
    self->users->make(
        out->record, grants, [self, out, request, version, done](const Result<>& made) {
          if (self->stopped) return;
          if (made) return self->hand_over(out, request, version, done);
          self->users->remove(out->record, "never handed out", [](const Result<>&) {});
          done(Refused{Why::unavailable, made.error().message()});
        });
  };
  wiring.store.put(record_name(record.principal.vended.user), write_record(record),
                   life_in_store(record, record.issued), kept);
}

// The record of it stands before anybody has it.
void Desk::State::hand_over(const std::shared_ptr<Given>& out, const Request& request,
                            const std::string& version, const Done& done) {
  if (trail.issued(out->record, request.caller, version, out->limited_by)) {
    ++counters.given;
    return done(std::move(*out));
  }
  end(out->record, "never handed out", config.instance, [](const Answer<Record>&) {});
  done(Refused{Why::unavailable, "the audit trail cannot be written"});
}

void Desk::State::renew(const Request& request, const Done& done) {
  if (!identity::is_vended_user(request.user, identity::kDirectUsers)) {
    const bool proxy = identity::is_vended_user(request.user, identity::kProxyUsers);
    return done(Refused{proxy ? Why::forbidden : Why::not_found,
                        proxy ? "only direct credentials are renewed; exchange the token again"
                              : "no such credential"});
  }
  find(
      request.user,
      [self = shared_from_this(), request, done](const std::optional<Record>& record) {
        if (!record || record->principal.id != request.principal->id)
          return done(Refused{Why::not_found, "no such credential"});
        self->renew(request, *record, done);
      },
      [done](Refused why) { done(std::move(why)); });
}

void Desk::State::renew(const Request& request, const Record& record, const Done& done) {
  const auto snapshot = wiring.policy();
  auto out = std::make_shared<Given>();
  out->record = record;
  Record& fresh = out->record;
  const Vended& vended = record.principal.vended;
  fresh.principal = *request.principal;
  fresh.principal.vended = vended;
  fresh.principal.auth_protocol = record.principal.auth_protocol;
  const auto vendable = snapshot
                            ? snapshot->vendable_for(*request.principal, vended.mode, vended.grants)
                            : policy::Snapshot::Vendable{};
  const auto grants = snapshot && vendable.refused.empty()
                          ? snapshot->grants_for(fresh.principal)
                          : Result<std::shared_ptr<const policy::Grants>>(nullptr);
  if (!grants || *grants == nullptr || (*grants)->rights_id() != record.rights_id) {
    return done(refuse(request, Why::forbidden,
                       {"credentials_off", "the policy gives other rights now",
                        request.principal->issuer_alias, request.principal->evidence},
                       "the policy gives other rights now; ask for a new credential"));
  }
  const WallTime now = wiring.clock.wall();
  const WallTime last = std::min(record.last, record.issued + vendable.life);
  const Life life = next_life(
      {request.wish.ttl, vendable.life, request.principal->expires_at, (*grants)->limits().session},
      last, now);
  if (life.ends - now < seconds(1)) {
    return done(Refused{Why::forbidden, "it has reached its max_ttl; ask for a new credential"});
  }
  if (!trail.healthy()) return done(Refused{Why::unavailable, "the audit trail cannot be written"});
  fresh.principal.expires_at = life.ends;
  fresh.last = last;
  out->limited_by = life.limited_by;
  out->name_space = (*grants)->name_space();
  wiring.store.put(record_name(vended.user), write_record(fresh), life_in_store(fresh, now),
                   [self = shared_from_this(), out, request, version = (*grants)->policy_version(),
                    done](const Result<>& stored) {
                     if (self->stopped) return;
                     if (!stored) return done(Refused{Why::unavailable, stored.error().message()});
                     self->users->remake(
                         out->record, [self, out, request, version, done](const Result<>& made) {
                           if (self->stopped) return;
                           if (!made)
                             return done(Refused{Why::unavailable, made.error().message()});
                           ++self->counters.renewed;
                           (void)self->trail.renewed(out->record, request.caller, version);
                           done(std::move(*out));
                         });
                   });
}

}  // namespace keyward::credential
