// What Redis has against what the book says.
#include "lease/service_state.h"

#include <unordered_set>

namespace keyward::lease {

using upstream::ControlReply;

void LeaseService::State::reconcile(const ControlReply& users,
                                    const std::function<void(Result<>)>& done) {
  if (users.type != ControlReply::Type::array) {
    return done(Error(Errc::forbidden, "Redis refused ACL USERS to the admin user: " + users.text));
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
void LeaseService::State::sweep(const std::unordered_set<std::string>& listed) {
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

}  // namespace keyward::lease
