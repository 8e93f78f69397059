// What a command leaves for triggers on its way to Redis (docs/attestation.md): a field more in an
// XADD, an event or a timer in one block with the command.
#include "proxy/session.h"
#include "proxy/wire_errors.h"

#include "keyward/policy/ttl_guard.h"
#include "keyward/trigger/leavings.h"

#include <array>

namespace keyward::proxy {

namespace {

using policy::TtlGuard;
using policy::TtlWay;

// The expiry that its grant gives the keys of this command, beside its own words.
std::optional<policy::ExpiryAsked> added_expiry(const policy::Permit& permit,
                                                const command::Command& command) {
  if (permit.entry() == nullptr) return std::nullopt;
  const TtlGuard& guard = permit.entry()->ttl;
  const TtlWay way = policy::ttl_way(guard, command);
  if (way == TtlWay::as_is) return std::nullopt;
  return policy::ExpiryAsked{.when = guard.life, .absolute = false, .conditional = true};
}

void write_words(std::string& out, const trigger::RequestWords& words) {
  resp::write_request_head(out, words.size());
  for (const std::string& word : words) resp::write_bulk(out, word);
}

}  // namespace

// Only for sessions whose grants reach the source of a trigger. False: it was refused.
bool Session::attestable(const policy::Permit& permit) {
  trigger::Leavings& left = shard_.leavings();
  trigger::find_leavings(*login_->grants, command_, db_, added_expiry(permit, command_), left);
  leaves_ = !left.nothing();
  at_source_ = !left.unheard_of();
  if (!leaves_) return true;
  std::string_view why = left.field.empty() ? std::string_view() : trigger::obstacle(command_);
  if (shard_.attestation() == nullptr) why = wire::kNoAttestation;
  if (transaction_ != nullptr && db_ != 0 && !left.beside.empty()) why = wire::kAttestInZero;
  if (why.empty()) return true;
  spend_hint();
  answer_error(why);
  if (transaction_ != nullptr) transaction_->doom();
  return false;
}

// For the record of the command, which may have none.
void Session::note_source(Draft* draft) const {
  if (!at_source_ || draft == nullptr) return;
  const trigger::Leavings& left = shard_.leavings();
  draft->attested.assign(left.attested.begin(), left.attested.end());
  draft->refused.assign(left.refused.begin(), left.refused.end());
}

// One that flowed through leaves nothing (upload_judge), and may have come by a source all the
// same.
void Session::note_large(const policy::Permit& permit, Draft* draft) {
  trigger::Leavings& left = shard_.leavings();
  trigger::find_leavings(*login_->grants, command_, db_, added_expiry(permit, command_), left);
  left.attested.clear();
  at_source_ = !left.unheard_of();
  note_source(draft);
}

bool Session::leaves_beside() const { return leaves_ && !shard_.leavings().beside.empty(); }

trigger::Signer Session::signer() const {
  return {.keys = *shard_.attestation(),
          .principal = login_->principal->id,
          .now = shard_.clock().wall()};
}

// The command, with its field if it has one; `more`: what is added in place.
void Session::write_signed(std::string& out, std::span<const std::string_view> more) const {
  const bool field = leaves_ && !shard_.leavings().field.empty();
  const std::size_t added = more.size() + (field ? 2 : 0);
  resp::write_request_head(out, command_.args.size() + added);
  for (const std::string_view arg : command_.args) resp::write_bulk(out, arg);
  for (const std::string_view arg : more) resp::write_bulk(out, arg);
  if (!field) return;
  resp::write_bulk(out, trigger::kAttestationField);
  resp::write_bulk(out, trigger::field_of(signer(), command_, shard_.leavings().field));
}

// Appends what is left beside commands; answers how many commands those are.
std::uint32_t Session::write_beside(std::string& out,
                                    const std::vector<trigger::Leaving>& beside) const {
  std::uint32_t written = 0;
  for (const trigger::Leaving& leaving : beside) {
    for (const trigger::RequestWords& words : trigger::requests_of(signer(), leaving)) {
      write_words(out, words);
      ++written;
    }
  }
  return written;
}

// A member of a transaction in the words that Redis gets.
bool Session::queue_signed(Draft* draft, const view::Member& member) {
  const trigger::Leavings& left = shard_.leavings();
  transaction_->leave(left.beside);
  if (left.field.empty()) return transaction_->queue(command_.args, draft, member);
  const std::string field = trigger::field_of(signer(), command_, left.field);
  std::vector<std::string_view> args(command_.args.begin(), command_.args.end());
  args.push_back(trigger::kAttestationField);
  args.push_back(field);
  return transaction_->queue(args, draft, member);
}

// Before it is sent: signed now, since due times count from here.
void Session::settle_leavings() {
  if (transaction_->leavings().empty()) return;
  for (const trigger::Leaving& leaving : transaction_->leavings()) {
    for (const trigger::RequestWords& words : trigger::requests_of(signer(), leaving)) {
      const std::vector<std::string_view> args(words.begin(), words.end());
      transaction_->add_own(args);
    }
  }
  transaction_->forget_leavings();  // EXEC may be judged more than once
}

}  // namespace keyward::proxy
