// `ttl:` of a grant on the way to Redis: expiries that are added, and transactions that lack one.
#include "proxy/session.h"

#include "keyward/policy/ttl_guard.h"

#include <algorithm>
#include <array>

namespace keyward::proxy {

namespace {

using policy::TtlGuard;
using policy::TtlWay;

const TtlGuard& guard_of(const policy::Permit& permit) {
  static constexpr TtlGuard kNone{};
  return permit.entry() == nullptr ? kNone : permit.entry()->ttl;
}

// NX: an expiry that is there stays as it is.
std::array<std::string_view, 4> pexpire(std::string_view key, std::string_view life) {
  return {"PEXPIRE", key, life, "NX"};
}

std::string text_of(std::chrono::milliseconds life) { return std::to_string(life.count()); }

}  // namespace

// A large request of such a grant goes as a block on a link of its own: whether it names an expiry
// shows only at its end.
bool Session::may_add_expiry(const policy::Permit& permit) {
  return guard_of(permit).mode == TtlGuard::Mode::apply;
}

// True: it can only be sent as a block.
bool Session::adds_block(const policy::Permit& permit) const {
  if (transaction_ != nullptr) return false;
  if (leaves_beside()) return true;
  const TtlGuard& guard = guard_of(permit);
  return guard.mode == TtlGuard::Mode::apply && policy::ttl_way(guard, command_) == TtlWay::block;
}

// A block ends in an EXEC, which would end a WATCH: while keys are watched or channels subscribed
// it goes over the shared link. Nothing else is under way then, and nothing follows before it is
// answered.
Session::Step Session::send_block(const policy::Permit& permit) {
  spend_hint();
  if (relay_ != nullptr && !relay_->settled()) return wait_idle();
  upstream::Link& link = link_for_block();
  if (in_flight_ > 0 && flight_link_ != &link) return wait_idle();
  apart_ = held_ || relay_ != nullptr;
  return forward(permit, link);
}

// False: what went another way than the session's own has to be answered first.
bool Session::back_from_apart() {
  if (apart_ && in_flight_ > 0) return false;
  apart_ = false;
  return true;
}

// Encodes the judged command with whatever its grant adds; answers how many leading replies nobody
// reads.
std::uint32_t Session::write_judged(const policy::Permit& permit, std::string& out, Place place) {
  static constexpr std::array<std::string_view, 1> kMulti{"MULTI"};
  const TtlGuard& guard = guard_of(permit);
  const TtlWay way =
      guard.mode == TtlGuard::Mode::apply ? policy::ttl_way(guard, command_) : TtlWay::as_is;
  const bool block = way == TtlWay::block || leaves_beside();
  if (block) resp::write_request(out, kMulti);
  if (way == TtlWay::in_place) {
    const std::string life = text_of(guard.life);
    const std::array<std::string_view, 2> expiry{"PX", life};
    write_signed(out, expiry);
  } else if (leaves_) {
    write_signed(out);
  } else {
    resp::write_request(out, command_.args);
  }
  return block ? end_block(permit, out, place) : 0;
}

std::uint32_t Session::end_block(const policy::Permit& permit, std::string& out, Place place) {
  static constexpr std::array<std::string_view, 1> kExec{"EXEC"};
  const TtlGuard& guard = guard_of(permit);
  const std::string life = text_of(guard.life);
  std::uint32_t leading = 2;  // of MULTI and the command
  if (policy::ttl_way(guard, command_) != TtlWay::as_is) {
    for (const std::uint32_t arg : policy::created_keys(command_)) {
      resp::write_request(out, pexpire(command_.args[arg], life));
      ++leading;
    }
  }
  if (leaves_beside()) leading += write_beside(out, shard_.leavings().beside);
  resp::write_request(out, kExec);
  added_answers().expect_one(place);
  return leading;
}

void Session::on_discarded_error(const upstream::Awaiting& awaiting, std::string_view error) {
  if (added_answers_ != nullptr) added_answers_->refused(awaiting.place, error);
}

AddedAnswers& Session::added_answers() {
  if (added_answers_ == nullptr) added_answers_ = std::make_unique<AddedAnswers>();
  return *added_answers_;
}

// Without what answers the commands that we added.
void Session::pass_on(const upstream::Awaiting& awaiting, const upstream::ReplyPart& part) {
  if (added_answers_ == nullptr) return deliver(awaiting, part);
  if (const auto own = added_answers_->show(awaiting.place, part)) deliver(awaiting, *own);
}

// --- transactions

void Session::note_expiry(const policy::Permit& permit) {
  const TtlGuard& guard = guard_of(permit);
  if (guard.mode == TtlGuard::Mode::none && transaction_->expiries() == nullptr) return;
  transaction_->make_expiries().note(guard, command_,
                                     static_cast<std::uint32_t>(transaction_->size() - 1));
}

// Before anything of it is sent: a key of `require` that would be left without an expiry dooms the
// transaction; keys of `apply` get theirs at its end, unless the client's own commands gave them
// one.
void Session::settle_expiries() {
  policy::TtlLedger* ledger = transaction_->expiries();
  if (ledger == nullptr || transaction_->doomed()) return;
  const auto& entries = login_->grants->entries();
  const bool observes = std::any_of(entries.begin(), entries.end(),
                                    [](const policy::Entry& entry) { return entry.observes; });
  for (const auto& open : ledger->open()) {
    if (observes) {
      account_.object(transaction_->draft_of(open.member), policy::DenialReason::ttl);
      continue;
    }
    const policy::Denial denial{
        .reason = policy::DenialReason::ttl,
        .nearest = nullptr,
        .text = "transaction discarded: its command " + std::to_string(open.member + 1) + ", '" +
                std::string(open.command) + "', would leave the key at argument " +
                std::to_string(open.arg) +
                " without an expiry, which your grant requires; set one behind it and before EXEC"};
    const std::uint64_t ticket = account_.refused("exec", nullptr, &denial, "ttl", db_);
    return transaction_->doom(
        "EXECABORT " + denial.text + " (request " + account_.request_id() + ")", ticket);
  }
  for (const auto& [key, life] : ledger->due()) transaction_->add_own(pexpire(key, text_of(life)));
  transaction_->forget_expiries();  // EXEC may be judged more than once
}

}  // namespace keyward::proxy
