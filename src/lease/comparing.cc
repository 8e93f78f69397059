// Are the rules of our users what we made them? ACL GETUSER costs Redis up to half a millisecond
// (7.0 writes the rules of every command anew), so it is asked a few users at a time.
#include "lease/service_state.h"

#include "keyward/base/log.h"

#include <algorithm>

namespace keyward::lease {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kAtOnce = 16;
// A comparison of everybody may take a third of Redis's time, and no pause longer than this.
constexpr auto kLongestPause = 200ms;
// Without any sign of a change, everybody is compared once in this time.
constexpr auto kEverybody = 10min;

}  // namespace

void LeaseService::State::ask_rules(const std::string& user, bool sure,
                                    std::function<void()> done) {
  control.call({"ACL", "GETUSER", user},
               [self = shared_from_this(), user, sure,
                done = std::move(done)](const Result<ControlReply>& reply) {
                 if (self->gone || reply.has_error()) return;
                 const auto* entry = self->book.find(user);
                 if (reply->type == ControlReply::Type::error) {
                   if (!std::exchange(self->told_uncompared, true))
                     spdlog::warn(
                         "Redis refuses ACL GETUSER to the admin user ({}); that somebody edits a "
                         "leased user shows only at the command that meets it. Give the user "
                         "+acl|getuser",
                         log::printable(reply->text));
                 } else if (entry != nullptr && !entry->in_flight) {
                   // (While a change is under way the answer may be of before or after it.)
                   std::vector<std::string> hashes;
                   for (const LeasePtr& lease : LeaseBook::valid(*entry))
                     hashes.push_back(password_hash(*lease));
                   self->differs(user, self->rules.answered(user, *reply, hashes, sure));
                 }
                 done();
               });
}

void LeaseService::State::differs(const std::string& user, SeenRules::Verdict verdict) {
  if (verdict != SeenRules::Verdict::altered && verdict != SeenRules::Verdict::missing) return;
  const bool gone_there = verdict == SeenRules::Verdict::missing;
  rules.forget(user);  // until it is made again
  if (!gone_there) {
    spdlog::error(
        "drift: somebody else changed the leased user {}; it is made again as the policy says",
        user);
  }
  book.remake(user, gone_there ? LeaseBook::Cause::recreate : LeaseBook::Cause::edited);
  pump();
}

void LeaseService::State::compare_known() {
  to_compare = rules.known();
  if (!std::exchange(comparing, true)) compare_some();
}

// Waits twice as long as it took.
void LeaseService::State::compare_some() {
  if (gone || to_compare.empty() || !control.up()) {
    comparing = false;
    return;
  }
  const MonoTime begun = clock.mono();
  const std::size_t count = std::min(kAtOnce, to_compare.size());
  for (std::size_t i = 0; i < count; ++i) {
    const bool last = i + 1 == count;
    ask_rules(to_compare.back(), false, [self = shared_from_this(), last, begun] {
      if (!last) return;
      const auto took = std::chrono::duration_cast<milliseconds>(self->clock.mono() - begun);
      self->compare_timer.expires_after(std::clamp(2 * took, milliseconds(1), kLongestPause));
      self->compare_timer.async_wait([self](boost::system::error_code error) {
        if (!error) self->compare_some();
      });
    });
    to_compare.pop_back();
  }
}

// While nothing happens: what new users look like, and now and then one of the others.
void LeaseService::State::learn_some() {
  for (const std::string& user : rules.unknown(kAtOnce)) ask_rules(user, false, [] {});
  if (to_sample.empty() && (uncounted || clock.mono() - sampled >= kEverybody)) {
    sampled = clock.mono();
    to_sample = rules.known();
  }
  if (to_sample.empty() || comparing) return;
  ask_rules(to_sample.back(), false, [] {});
  to_sample.pop_back();
}

}  // namespace keyward::lease
