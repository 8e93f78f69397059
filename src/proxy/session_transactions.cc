// MULTI, what is queued, EXEC and DISCARD.
#include "proxy/local_commands.h"
#include "proxy/session.h"
#include "proxy/wire_errors.h"

#include <algorithm>
#include <array>

namespace keyward::proxy {

using command::Kind;

namespace {

constexpr std::array<std::string_view, 1> kUnwatch{"UNWATCH"};
constexpr std::string_view kRefusedBefore = "a command of its transaction was refused";

// Valkey's text for a command that its COMMAND flags no_multi.
std::string no_multi(std::string_view command) {
  return "ERR Command '" + std::string(command) + "' not allowed inside a transaction";
}

}  // namespace

// MULTI, and WATCH inside a transaction. For Redis either is an error without consequence there,
// for Valkey (8.1 and later) the transaction is discarded at EXEC: its COMMAND says `no_multi` of
// both.
Session::Step Session::multi() {
  if (transaction_ != nullptr) {
    const bool watch = command_.info->kind == Kind::watch;
    if (command_.info->is(command::kNoMulti)) {
      transaction_->doom();
      answer_error(no_multi(command_.info->name));
    } else {
      answer_error(watch ? wire::kWatchInMulti : wire::kNestedMulti);
    }
    return Step::done;
  }
  transaction_ = std::make_unique<Transaction>(shard_.drafts(), ++transactions_,
                                               shard_.limits().transaction_bytes);
  answer("+OK\r\n");
  return Step::done;
}

Session::Step Session::queue(const policy::Permit& permit) {
  if (is_subscription(command_.info->kind)) {
    answer_error(wire::not_in_multi(command_.info->name));
    transaction_->doom();
    return Step::done;
  }
  Draft* draft = account_.begin(command_, permit, recording(), db_);
  note_source(draft);
  const view::Member member{view::Shape{shape_for(permit)}, command_.info};
  if (transaction_->doomed() ||
      (leaves_ ? queue_signed(draft, member) : transaction_->queue(command_.args, draft, member))) {
    std::uint64_t ticket = 0;
    if (!transaction_->doomed()) {
      note_expiry(permit);
    } else if (draft != nullptr) {
      draft->multi_id = transaction_->id();
      ticket = account_.not_executed(*draft, kRefusedBefore);
      shard_.drafts().release(draft);
    }
    replies_.answer("+QUEUED\r\n", ticket);
    wake();
    return Step::done;
  }
  shard_.drafts().release(draft);
  transaction_->doom();
  answer_error(wire::kTransactionTooLarge);
  return Step::done;
}

// What was queued will not be sent: its records say so. The transaction is over.
std::uint64_t Session::forget_queued(std::string_view why) {
  if (transaction_ == nullptr) return 0;
  Draft* queued = transaction_->take_drafts();
  transaction_.reset();
  if (queued == nullptr) return 0;
  const std::uint64_t ticket = account_.not_executed(*queued, why);
  shard_.drafts().release(queued);
  return ticket;
}

// The same, and the client learns of it at its EXEC.
void Session::abandon_queued(std::string_view why) {
  if (transaction_ == nullptr) return;
  Draft* queued = transaction_->take_drafts();
  transaction_->abandon();
  if (queued == nullptr) return;
  (void)account_.not_executed(*queued, why);
  shard_.drafts().release(queued);
}

Session::Step Session::discard() {
  if (transaction_ == nullptr) {
    answer_error(wire::kDiscardWithoutMulti);
    return Step::done;
  }
  const std::uint64_t ticket = forget_queued("DISCARD");
  watch_broken_ = false;
  const bool relays = relay_ != nullptr && relay_->watches();
  if (!held_ && !relays) {
    replies_.answer("+OK\r\n", ticket);
    wake();
    return Step::done;
  }
  // Redis never saw MULTI: UNWATCH is what is left to do there, and its +OK is the answer.
  if (relays) {
    unwatch_relay(replies_.reserve());
    return Step::done;
  }
  resp::write_request(held_->encode_into(), kUnwatch);
  held_->expect({.sink = this, .place = replies_.reserve()});
  ++in_flight_;
  flight_link_ = held_.get();
  held_ends_ = true;
  return Step::done;
}

void Session::unwatch_relay(Place place) {
  relay_->watch(false);
  resp::write_request(relay_->encode_into(), kUnwatch);
  relay_->expect({.sink = this, .place = place});
  ++in_flight_;
  flight_link_ = relay_->link();
}

// Ends the WATCH of a transaction that does not reach Redis. False: something is still under way
// there.
bool Session::unwatch_held() {
  if (in_flight_ > 0) {
    pause_ = Pause::idle;
    return false;
  }
  // Closing is the surest way to forget a WATCH, and a doomed transaction is rare.
  held_.drop();
  return true;
}

Session::Step Session::exec() {
  if (transaction_ == nullptr) {
    answer_error(wire::kExecWithoutMulti);
    return Step::done;
  }
  settle_expiries();
  if (transaction_->doomed() || watch_broken_) {
    if (held_ && !unwatch_held()) return Step::again;
    if (relay_ != nullptr && relay_->watches()) unwatch_relay(kNoPlace);
    const bool doomed = transaction_->doomed();
    const std::string why = transaction_->why();
    const std::uint64_t refusal = transaction_->ticket();
    const std::uint64_t ticket = std::max(
        refusal, forget_queued(doomed ? kRefusedBefore : "what was watched may have changed"));
    watch_broken_ = false;
    if (doomed) {
      answer_error(why.empty() ? wire::kExecAbort : std::string_view(why), ticket);
    } else {
      // As if a watched key had changed: whoever watches knows what to do.
      replies_.answer(protocol_ == resp::Protocol::resp3 ? "_\r\n" : "*-1\r\n", ticket);
      wake();
    }
    return Step::done;
  }
  if (relay_ != nullptr) return exec_on_relay();
  upstream::Link* link = held_.get();
  if (link == nullptr) {
    link = &shared_link();
    if (in_flight_ > 0 && flight_link_ != link) return wait_idle();
  }
  settle_leavings();
  transaction_->write_block(link->encode_into());
  link->expect(exec_awaiting());
  ++in_flight_;
  flight_link_ = link;
  held_ends_ = static_cast<bool>(held_);
  transaction_.reset();
  mind_room(*link);
  return Step::done;
}

upstream::Awaiting Session::exec_awaiting() {
  Draft* drafts = transaction_->take_drafts();
  const Place place = replies_.reserve();
  if (transaction_->added() > 0)
    added_answers().expect_first(place, static_cast<std::uint32_t>(transaction_->size()));
  std::vector<view::Member> members = transaction_->take_members();
  const std::uint8_t shape = members.empty() ? 0 : kMembers;
  if (shape != 0) members_.push_back(std::move(members));
  return {.sink = this,
          .place = place,
          .tag = drafts,
          .discard = transaction_->leading(),
          .keep_children = drafts != nullptr,
          .shape = shape};
}

Session::Step Session::exec_on_relay() {
  relay_->watch(false);
  settle_leavings();
  transaction_->write_block(relay_->encode_into());
  relay_->expect(exec_awaiting());
  ++in_flight_;
  flight_link_ = relay_->link();
  transaction_.reset();
  mind_room(*flight_link_);
  return Step::done;
}

}  // namespace keyward::proxy
