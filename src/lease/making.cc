// A new user: SETUSER, then what Redis itself says it may do.
#include "lease/service_state.h"

#include "keyward/base/log.h"
#include "keyward/base/text.h"

namespace keyward::lease {

using upstream::ControlReply;

void LeaseService::State::mint(const std::string& user) {
  const auto* entry = book.find(user);
  const auto grants = entry->grants;
  const bool tested = !grants->acl().probes.empty();
  auto made = std::make_shared<Result<ControlReply>>(Error());
  control.call(setuser({entry->lease}, grants->acl(), {}),
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

void LeaseService::State::minted(const std::string& user, const Result<ControlReply>& reply,
                                 SelfTest test, const std::string& detail) {
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
  record(audit::Kind::lease_create, *entry->lease, audit::Outcome::ok, "login",
         "grants " + joined(entry->grants->grant_names(), ",") +
             (entry->lease->principal.empty() ? "; shared by all identities of equal rights" : ""));
  if (!journal.healthy()) {
    post(book.failed(user, Error(Errc::unavailable, "the audit trail cannot be written")));
  } else {
    rules.made(user);
    post(book.made(user, clock.mono()));
  }
  pump();
}

void LeaseService::State::refused(const std::string& user, const std::string& why) {
  ++counters.failed;
  spdlog::error("lease {}: {}", user, log::printable(why, 512));
  post(book.failed(user, Error(Errc::internal, why)));
  pump();
}

}  // namespace keyward::lease
