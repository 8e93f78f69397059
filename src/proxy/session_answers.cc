// Answers on their way back: recorded, put in their place, and what a lost or slow connection
// means.
#include "proxy/session.h"

#include <algorithm>
#include <utility>

namespace keyward::proxy {

namespace {

// Of one reply on its way to a client that reads slowly.
constexpr std::size_t kStreamHigh = 1024UL * 1024;
constexpr std::size_t kSubscriberHigh = 8UL * 1024 * 1024;

}  // namespace

void Session::deliver(const upstream::Awaiting& awaiting, const upstream::ReplyPart& part) {
  Draft* draft = static_cast<Draft*>(awaiting.tag);
  std::uint64_t ticket = 0;
  // Messages of a subscription come in between over another link: only between whole answers.
  bool hold = apart_ && relay_ != nullptr;
  const std::string_view node =
      flight_link_ != nullptr ? std::string_view(flight_link_->node()) : std::string_view();
  if (draft == nullptr) {
    if (part.first && part.head.is_error()) ticket = account_.answered(part.head, node);
  } else {
    if (draft->transaction) {
      // Members' outcomes stand inside the answer: it leaves when it is whole and recorded. One too
      // large to hold is recorded by its head alone.
      const bool too_large = replies_.bytes() > shard_.limits().transaction_bytes;
      if (draft->ticket == 0 && (part.last || too_large)) {
        draft->ticket = account_.executed(*draft, part, node);
      }
      hold = hold || draft->ticket == 0;
    } else if (part.first) {
      draft->ticket = account_.answered(*draft, part.head, node);
    }
    ticket = draft->ticket;
    if (part.last) shard_.drafts().release(draft);
  }
  if (phase_ != Phase::closed) {
    std::string refusal;
    const bool ended =
        !wait_refusal_.empty() && part.head.is_error() && part.head.first_word() == "UNBLOCKED";
    if (ended) {
      resp::write_error(refusal, wait_refusal_);
      ticket = std::max(ticket, wait_ticket_);
    }
    const std::string_view bytes =
        ended ? refusal : (awaiting.shape == 0 ? part.bytes : look(awaiting, part));
    replies_.add(awaiting.place, bytes, ticket, hold);
    if (part.last) replies_.finish(awaiting.place, ticket);
    const std::size_t high = pause_above(part.last ? 2 * shard_.limits().output_soft : kStreamHigh);
    if (!hold && replies_.bytes() > high && flight_link_ != nullptr && paused_link_ == nullptr) {
      paused_link_ = flight_link_;
      if (!std::exchange(stalling_, true)) {
        stalled_since_ = shard_.clock().mono();
        taken_since_ = 0;
      }
      paused_link_->pause();
      if (lent_.get() != paused_link_ && held_.get() != paused_link_ && relay_ == nullptr)
        paused_link_->retire();
    }
    wake();
  }
}

void Session::on_reply(const upstream::Awaiting& awaiting, const upstream::ReplyPart& part) {
  if (part.head.is_error()) {
    if (lone_ && mend(awaiting, part)) return;
    note_refusal(awaiting, part);
  }
  pass_on(awaiting, part);
  if (part.last) one_less_in_flight();
}

void Session::on_relay_reply(const upstream::Awaiting& awaiting, const upstream::ReplyPart& part) {
  pass_on(awaiting, part);
  if (part.last) one_less_in_flight();
}

void Session::one_less_in_flight() {
  if (--in_flight_ > 0) return;
  // Nothing more of ours comes on that link, however slowly the client reads what came; only
  // subscriptions go on.
  if (relay_ == nullptr && paused_link_ != nullptr) std::exchange(paused_link_, nullptr)->resume();
  flight_link_ = nullptr;
  stalling_ = false;
  lone_.forget();
  end_pins();
  waits_.clear();
  // Its refusal said that the session ended.
  if (!wait_refusal_.empty() && ended()) told_ = true;
  wait_refusal_.clear();
  wait_told_ = MonoTime::max();
  if (phase_ == Phase::open && login_ != nullptr && outdated()) shard_.judge_soon(*this);
  resume(Pause::idle);
  maybe_reap();
}

// Nothing is under way: links that were needed for one answer, or for a WATCH that ended, go back.
void Session::end_pins() {
  // Redis may still be told to end a wait on that link: nobody else's must end for it.
  if (wait_refusal_.empty()) {
    lent_.give_back();
  } else {
    lent_.drop();
  }
  if (std::exchange(held_ends_, false)) held_.give_back();
}

void Session::on_lost(const upstream::Awaiting& awaiting, bool maybe_executed) {
  if (auto* draft = static_cast<Draft*>(awaiting.tag)) {
    // A ticket: the answer had begun, so its outcome is recorded already.
    if (draft->ticket == 0)
      account_.lost(*draft, maybe_executed,
                    flight_link_ != nullptr ? std::string_view(flight_link_->node()) : "");
    shard_.drafts().release(draft);
  }
  --in_flight_;
  paused_link_ = nullptr;
  if (in_flight_ == 0) flight_link_ = nullptr;
  // Silence must not pass for success, nor the next answer for this one.
  if (phase_ == Phase::closed) {
    maybe_reap();
  } else {
    close(EndedBy::redis, "the connection to Redis ended");
  }
}

void Session::on_relay_down(const std::vector<upstream::Awaiting>& lost) {
  for (const upstream::Awaiting& awaiting : lost) {
    if (awaiting.sink == nullptr) continue;
    if (auto* draft = static_cast<Draft*>(awaiting.tag)) {
      if (draft->ticket == 0) account_.lost(*draft, true, "");
      shard_.drafts().release(draft);
    }
    --in_flight_;
  }
  if (in_flight_ == 0) flight_link_ = nullptr;
  paused_link_ = nullptr;
  if (phase_ == Phase::closed) {
    maybe_reap();
  } else {
    close(EndedBy::redis, "the connection to Redis ended");
  }
}

void Session::on_relay_bytes() {
  // A subscriber that reads slowly: Redis keeps the rest, within its own limit for subscribers.
  if (replies_.bytes() > pause_above(kSubscriberHigh) && paused_link_ == nullptr &&
      relay_->link() != nullptr) {
    paused_link_ = relay_->link();
    paused_link_->pause();
  }
  if (relay_->settled()) resume(Pause::idle);
  wake();
}

void Session::leave_relay() {
  if (paused_link_ == relay_->link()) paused_link_ = nullptr;
  relay_->leave();
  relay_.reset();
  relay_login_.reset();
  appear();
  resume(Pause::idle);
}

// A link of ours died while nothing was awaited on it: a watch, or half a large request, went with
// it.
void Session::on_loan_lost() { close(EndedBy::redis, "the connection to Redis ended"); }

void Session::on_room() {
  room_link_ = nullptr;
  resume(Pause::room);
}

}  // namespace keyward::proxy
