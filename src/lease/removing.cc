// The end of a user.
#include "lease/service_state.h"

#include "keyward/base/log.h"

namespace keyward::lease {
namespace {

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
    case LeaseBook::Why::revoked:
      return "revoked";
  }
  return "";
}

}  // namespace

using upstream::ControlReply;

void LeaseService::revoke(std::string_view principal, std::string_view user) {
  state_->post(state_->book.revoke(principal, user));
  state_->pump();
}

void LeaseService::State::remove(const std::string& user) {
  control.call({"ACL", "DELUSER", user},
               [self = shared_from_this(), user](const Result<ControlReply>& reply) {
                 if (!self->gone) self->deleted(user, reply);
               });
}

void LeaseService::State::deleted(const std::string& user, const Result<ControlReply>& reply) {
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
  rules.forget(user);
  drifted.erase(user);
  book.removed(user);
  pump();
  maybe_stopped();
}

void LeaseService::State::maybe_stopped() {
  if (!gone && stopping && !releasing && book.size() == 0) stopped();
}

void LeaseService::State::stopped() {
  stop_timer.cancel();
  if (const auto done = std::exchange(on_stopped, nullptr)) done();
}

}  // namespace keyward::lease
