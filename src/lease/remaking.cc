// A user that exists, or should, made once more: repairs, patterns, what Redis forgot.
#include "lease/service_state.h"

namespace keyward::lease {

using upstream::ControlReply;

// The same user with the same password once more: after drift, after a restart of Redis, or with
// one more pattern.
void LeaseService::State::remake(const std::string& user) {
  const auto* entry = book.find(user);
  const auto cause = entry->sent_cause;
  control.call(setuser(*entry->lease, entry->grants->acl(), entry->literals),
               [self = shared_from_this(), user, cause](const Result<ControlReply>& reply) {
                 if (!self->gone) self->remade(user, cause, reply);
               });
}

void LeaseService::State::remade(const std::string& user, LeaseBook::Cause cause,
                                 const Result<ControlReply>& reply) {
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

}  // namespace keyward::lease
