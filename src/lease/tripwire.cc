// ACL LOG, read now and then.
#include "lease/service_state.h"

#include "keyward/base/log.h"

namespace keyward::lease {

using upstream::ControlReply;

// Seen first before any user is made, so that what an earlier run left is told apart.
void LeaseService::State::look_at_log() {
  if (config.acl_log_every.count() == 0 || std::exchange(looking, true)) return;
  control.call({"ACL", "LOG", kAclLogEntries},
               [self = shared_from_this()](const Result<ControlReply>& reply) {
                 self->looking = false;
                 if (self->gone || reply.has_error()) return;  // again when it is back
                 self->seen(*reply);
               });
}

void LeaseService::State::seen(const ControlReply& log) {
  if (log.type != ControlReply::Type::array) {
    if (!std::exchange(told_blind, true))
      spdlog::warn(
          "Redis refuses ACL LOG to the admin user ({}); drift shows only at the command "
          "that meets it. Give the user +acl|log",
          log::printable(log.text));
    return;
  }
  const auto trips = log_watch.observe(log, clock.mono());
  for (const AclTrip& trip : trips) tripped(trip);
  look_later();
}

void LeaseService::State::tripped(const AclTrip& trip) {
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

void LeaseService::State::look_later() {
  if (gone || stopping) return;
  log_timer.expires_after(config.acl_log_every);
  log_timer.async_wait([self = shared_from_this()](boost::system::error_code error) {
    if (error || self->gone || self->stopping) return;
    self->look_at_log();
  });
}

}  // namespace keyward::lease
