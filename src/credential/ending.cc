// Credentials that end before their time, and which there are.
#include "credential/desk_state.h"

#include "keyward/identity/vended_password.h"

namespace keyward::credential {
namespace {

using identity::Vended;
using Why = Refused::Why;

}  // namespace

void Desk::State::find(const std::string& user, std::function<void(std::optional<Record>)> next,
                       Fail fail) {
  const bool known_form = identity::is_vended_user(user, identity::kProxyUsers) ||
                          identity::is_vended_user(user, identity::kDirectUsers);
  if (!known_form) return next(std::nullopt);
  wiring.store.get(record_name(user),
                   [self = shared_from_this(), user, next = std::move(next),
                    fail = std::move(fail)](const Result<std::optional<std::string>>& found) {
                     if (self->stopped) return;
                     if (!found) return fail({Why::unavailable, found.error().message()});
                     auto record = found->has_value() ? read_record(**found) : std::nullopt;
                     // One that ended may lie there for a while.
                     if (record && record->principal.expires_at <= self->wiring.clock.wall())
                       record.reset();
                     next(std::move(record));
                   });
}

void Desk::State::end(const Record& record, const std::string& reason, const std::string& by,
                      const Ended& done) {
  const auto gone = [self = shared_from_this(), record, reason, by, done](const Result<>& result) {
    if (self->stopped) return;
    if (!result) return done(Refused{Why::unavailable, result.error().message()});
    self->deny(record, reason, by, [self, record, done](const Result<>& denied) {
      if (self->stopped) return;
      if (!denied) return done(Refused{Why::unavailable, denied.error().message()});
      ++self->counters.ended;
      done(record);
    });
  };
  if (record.principal.vended.mode == Vended::Mode::direct)
    return users->remove(record, reason, gone);
  wiring.store.erase(record_name(record.principal.vended.user),
                     [self = shared_from_this(), record, reason, gone](const Result<>& erased) {
                       if (self->stopped) return;
                       if (erased) self->trail.ended(record, reason);
                       gone(erased);
                     });
}

// Nobody logs in by it any more; this ends who did, and holds should somebody put the record back.
void Desk::State::deny(const Record& record, const std::string& reason, const std::string& by,
                       std::function<void(Result<>)> done) {
  if (!wiring.revoke) return done({});
  identity::Revocation revocation;
  revocation.id = hex(random_bytes(8));
  revocation.target = identity::Revocation::Target::credential;
  revocation.value = record.principal.vended.user;
  revocation.at = wiring.clock.wall();
  revocation.until = record.last;
  revocation.by = by;
  revocation.reason = reason;
  wiring.revoke(std::move(revocation), std::move(done));
}

void Desk::end(const Secret& token, Caller caller, std::string user, std::string by,
               std::function<void(Answer<Record>)> done) {
  const auto fail = [done](Refused why) { done(std::move(why)); };
  const auto go = [state = state_, done, fail](const std::string& which, const std::string& who,
                                               const PrincipalPtr& principal) {
    state->find(
        which,
        [state, done, who, principal](const std::optional<Record>& record) {
          if (!record || (principal && principal->id != record->principal.id))
            return done(Refused{Why::not_found, "no such credential"});
          state->end(*record, "ended by " + who, who, done);
        },
        fail);
  };
  if (token.empty()) return go(user, by, nullptr);
  state_->authenticate(
      token, {std::move(caller), {}, std::move(user), nullptr},
      [go](const State::Request& request) {
        go(request.user, request.principal->id, request.principal);
      },
      fail);
}

void Desk::list(std::function<void(Answer<std::vector<Record>>)> done) {
  auto out = std::make_shared<std::vector<Record>>();
  const auto add = [state = state_, out](const fleet::Store::Listing& listing) {
    for (const auto& [name, text] : listing.records) {
      auto record = read_record(text);
      if (record && record->principal.expires_at > state->wiring.clock.wall())
        out->push_back(std::move(*record));
    }
  };
  using Listing = Result<fleet::Store::Listing>;
  const auto fail = [done](const Error& error) {
    done(Refused{Why::unavailable, error.message()});
  };
  state_->wiring.store.list(
      std::string(kProxyRecords), [state = state_, out, add, fail, done](const Listing& proxy) {
        if (state->stopped) return;
        if (!proxy) return fail(proxy.error());
        add(*proxy);
        state->wiring.store.list(std::string(kDirectRecords),
                                 [state, out, add, fail, done](const Listing& direct) {
                                   if (state->stopped) return;
                                   if (!direct) return fail(direct.error());
                                   add(*direct);
                                   done(std::move(*out));
                                 });
      });
}

}  // namespace keyward::credential
