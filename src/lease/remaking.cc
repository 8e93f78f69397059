// A user that exists, or should, made once more: repairs, patterns, passwords, what Redis forgot.
#include "lease/service_state.h"

#include "keyward/base/log.h"

namespace keyward::lease {

using Cause = LeaseBook::Cause;

namespace {

// What stands in the drift record; null: nobody did anything to the user.
const char* drift_text(Cause cause) {
  switch (cause) {
    case Cause::edited:
      return "the rules or passwords of a leased user were changed by somebody else";
    case Cause::refused:
      return "Redis refused a leased user what the policy allows";
    case Cause::repair:
      return "Redis refused the password of a leased user";
    default:
      return nullptr;
  }
}

}  // namespace

// The same user once more, in one command that leaves nothing of what stood there.
void LeaseService::State::remake(const std::string& user) {
  const auto* entry = book.find(user);
  const auto cause = entry->sent_cause;
  const auto self = shared_from_this();
  control.call(setuser(LeaseBook::valid(*entry), entry->grants->acl(), entry->literals),
               [self, user, cause](const Result<ControlReply>& reply) {
                 if (!self->gone) self->remade(user, cause, reply);
               });
  // Right behind it: what Redis says now is what was just made, whatever others do.
  if (cause == Cause::confirm || cause == Cause::edited) ask_rules(user, true, [] {});
}

void LeaseService::State::remade(const std::string& user, Cause cause,
                                 const Result<ControlReply>& reply) {
  const auto* entry = book.find(user);
  if (reply.has_error()) {
    book.lost(user);
    return pump();
  }
  if (reply->type == ControlReply::Type::error) {
    return refused(user, "Redis refused to change a user: " + reply->text);
  }
  if (entry != nullptr && cause >= Cause::recreate) {
    ++counters.repaired;
    if (const char* why = drift_text(cause)) {
      record(audit::Kind::drift, *entry->lease, audit::Outcome::ok, why, {});
      counters.edited += cause == Cause::repair ? 0U : 1U;
      note_drift(user);
    }
    record(audit::Kind::lease_create, *entry->lease, audit::Outcome::ok, "made again", {});
  } else if (entry != nullptr && entry->sent_next != nullptr) {
    record(audit::Kind::lease_create, *entry->lease, audit::Outcome::ok, "password replaced", {});
  }
  rules.made(user);
  post(book.made(user, clock.mono()));
  pump();
}

// Once is an accident. Again within a minute, and somebody or something works against us.
void LeaseService::State::note_drift(const std::string& user) {
  constexpr std::chrono::seconds kAgain{60};
  const MonoTime now = clock.mono();
  const auto [at, first] = drifted.try_emplace(user, now);
  if (!first && now - at->second < kAgain) {
    ++counters.drift_again;
    spdlog::error(
        "drift: the leased user {} was mended less than a minute ago and is not as it should be "
        "again: somebody else changes it, or Redis does not do what its rules say",
        user);
  }
  at->second = now;
}

}  // namespace keyward::lease
