// Requests with an argument too large to hold: judged by their small arguments, streamed on a link
// of their own.
#include "proxy/session.h"
#include "proxy/wire_errors.h"

#include "keyward/base/log.h"

#include <algorithm>
#include <array>

namespace keyward::proxy {

void Session::upload_begin() {
  shard_.metrics().commands.add();
  account_.next_command();
  upload_ = std::make_unique<Upload>(parser_.args(), parser_.large().total_args);
}

// Once for each large request, before its arguments are read. False: wait for what stands in its
// way, then ask again.
bool Session::upload_admit() {
  if (login_ == nullptr || ended()) {
    upload_->admitted = true;
    upload_refuse(std::string(login_ == nullptr ? wire::kNoAuth : ended_text()), 0);
    return true;
  }
  if (rights_are_stale() && !renew_policy()) return false;
  // A link of its own can only take over when nothing else is under way.
  const bool busy = in_flight_ > 0 || (relay_ != nullptr && !relay_->needed());
  if (transaction_ == nullptr && busy) {
    pause_ = Pause::idle;
    return false;
  }
  if (!within_rate()) return false;
  charged_ = false;
  upload_->admitted = true;
  if (transaction_ != nullptr) upload_->way = Upload::Way::collecting;
  return true;
}

// The rest of the request is read and thrown away; then the refusal is answered.
void Session::upload_refuse(std::string text, std::uint64_t ticket) {
  upload_->way = Upload::Way::discarding;
  upload_->refusal = std::move(text);
  upload_->ticket = ticket;
  if (transaction_ != nullptr) transaction_->doom();
  if (!upload_->sent) return;
  // Redis has the beginning of a request that must never become whole: that link has no other use
  // any more.
  lent_.drop();
  upload_->ends_session = !upload_->block && (held_ || relay_ != nullptr);
}

std::optional<policy::Permit> Session::upload_judge(const command::Analysis& analysis,
                                                    std::size_t length) {
  if (analysis.verdict != command::Verdict::ok) {
    const std::uint64_t ticket =
        account_.refused("(large request)", nullptr, nullptr, "grammar", db_);
    upload_refuse(analysis.text, ticket);
    return std::nullopt;
  }
  if (renamed()) {
    if (const std::string refusal = qualify(); !refusal.empty()) {
      const std::uint64_t ticket = unqualified(refusal);
      upload_refuse(wire::with_request(refusal, account_.request_id()), ticket);
      return std::nullopt;
    }
  }
  // Options behind the value are not known before the end.
  const bool whole = upload_->complete();
  policy::Decision decision = login_->grants->decide(
      command_, {.db = db_, .streamed = upload_->longest(length), .expiry_later = !whole});
  if (const auto* denial = std::get_if<policy::Denial>(&decision)) {
    const std::uint64_t ticket =
        account_.refused(command_.info->name, &command_, denial, "large request", db_);
    upload_refuse(wire::denied(denial->text, account_.request_id()), ticket);
    return std::nullopt;
  }
  // A version that came while the value was on its way must allow it as well.
  if (rights_are_stale()) {
    const Shard::Rights now = rights_now();
    const policy::Facts facts{
        .db = db_, .streamed = upload_->longest(length), .expiry_later = !whole};
    if (now.grants == nullptr ||
        std::holds_alternative<policy::Denial>(now.grants->decide(command_, facts))) {
      const std::uint64_t ticket =
          account_.refused(command_.info->name, &command_, nullptr, "large request", db_);
      upload_refuse(wire::denied("the policy that is now in force does not allow this request",
                                 account_.request_id()),
                    ticket);
      return std::nullopt;
    }
  }
  if (!relay_carries()) {
    upload_refuse(std::string(wire::kPinnedState), 0);
    return std::nullopt;
  }
  if (command_.mutates && !shard_.audit_ready(account_.durability())) {
    upload_refuse(std::string(wire::kAuditDown), 0);
    return std::nullopt;
  }
  // It streams as it comes: there is no moment to wait for a record of the intent.
  if (command_.mutates && account_.durability() == audit::Durability::strict) {
    upload_refuse(std::string(wire::kTooLargeForStrict), 0);
    return std::nullopt;
  }
  // What flows through cannot be signed.
  if (trigger::may_leave(*login_->grants, command_, db_)) {
    upload_refuse(std::string(wire::kTooLargeToAttest), 0);
    return std::nullopt;
  }
  leaves_ = false;
  return std::get<policy::Permit>(decision);
}

void Session::upload_argument(std::size_t length) {
  upload_end_session();
  if (upload_->way == Upload::Way::collecting && transaction_ != nullptr &&
      length > transaction_->room()) {
    upload_refuse(std::string(wire::kTransactionTooLarge), 0);
  }
  if (upload_->way == Upload::Way::discarding || upload_->way == Upload::Way::collecting) {
    upload_->streamed(length);
    return;
  }
  const std::span<const std::string_view> head = upload_->views();
  const command::Analysis analysis =
      command::analyse_head(shard_.policy().snapshot->catalog(), head,
                            {.total_args = upload_->total(), .index = head.size()}, command_);
  const std::optional<policy::Permit> permit = upload_judge(analysis, length);
  if (!permit) {
    upload_->streamed(length);
    return;
  }
  upload_->way = Upload::Way::streaming;
  if (!upload_->sent) upload_->block = may_add_expiry(*permit);
  if (!lent_ && (upload_->block || (!held_ && relay_ == nullptr))) lent_ = borrow();
  std::string& out = upload_target();
  static constexpr std::array<std::string_view, 1> kMulti{"MULTI"};
  if (upload_->block && !upload_->sent) {
    resp::write_request(out, kMulti);
    lent_->expect({.sink = &upstream::nobody()});  // its answer comes before the value is here
  }
  if (!upload_->write_pending(out, command_.args)) return upload_renamed();
  resp::write_bulk_head(out, length);
  upload_->streamed(length);
  upload_->sent = true;
  upload_link()->push();
}

upstream::Link* Session::upload_link() {
  if (lent_) return lent_.get();
  return relay_ != nullptr ? relay_->link() : held_.get();
}

// The fence behind the rewriting: what left under one name never becomes a request with another.
void Session::upload_renamed() {
  spdlog::error("a large '{}' was named differently at its end", command_.info->name);
  close(EndedBy::redis, "a large request could not be named for Redis");
}

std::string& Session::upload_target() { return upload_link()->encode_into(); }

void Session::upload_chunk(std::string_view bytes) {
  if (upload_->way == Upload::Way::collecting) return upload_->append_to_last(bytes);
  if (upload_->way != Upload::Way::streaming) return;
  upstream::Link* link = upload_link();
  if (link == nullptr || link->down())
    return close(EndedBy::redis, "the connection to Redis ended");
  link->encode_into().append(bytes);
  link->push();
  mind_room(*link);
}

// The session ended while the request was on its way.
void Session::upload_end_session() {
  if (login_ != nullptr && ended() && upload_->way != Upload::Way::discarding)
    upload_refuse(std::string(ended_text()), 0);
}

// The whole request was read.
void Session::upload_refused(const Upload& upload) {
  answer_error(upload.refusal, upload.ticket);
  if (login_ != nullptr && ended()) told_ = true;
  if (upload.ends_session) leave(EndedBy::protocol, "a large request was refused halfway");
}

void Session::upload_end() {
  upload_end_session();
  if (upload_->way != Upload::Way::streaming) {
    const std::unique_ptr<Upload> upload = std::move(upload_);
    if (upload->way == Upload::Way::discarding) return upload_refused(*upload);
    // Small enough to be held after all: judged like any other command of a transaction, which
    // never has to wait.
    const command::Analysis analysis =
        command::analyse(shard_.policy().snapshot->catalog(), upload->views(), command_);
    (void)(analysis.verdict == command::Verdict::ok ? decide() : refuse(analysis, upload->views()));
    return;
  }
  const command::Analysis analysis =
      command::analyse(shard_.policy().snapshot->catalog(), upload_->views(), command_);
  const std::optional<policy::Permit> permit = upload_judge(analysis, 0);
  // The entry that fits the whole adds an expiry, the one that fitted its beginning did not.
  if (permit && may_add_expiry(*permit) && !upload_->block)
    upload_refuse(std::string(wire::kLateExpiry), 0);
  const std::unique_ptr<Upload> judged = std::move(upload_);
  if (judged->way != Upload::Way::streaming) return upload_refused(*judged);
  upstream::Link* link = upload_link();
  if (link == nullptr || link->down())
    return close(EndedBy::redis, "the connection to Redis ended");
  if (!judged->write_pending(link->encode_into(), command_.args)) return upload_renamed();
  Draft* draft = account_.begin(command_, *permit, recording(), db_, judged->lengths());
  if (login_->grants->reach_sources()) note_large(*permit, draft);
  upstream::Awaiting awaiting{
      .sink = this, .place = replies_.reserve(), .tag = draft, .shape = shape_for(*permit)};
  if (judged->block) {
    awaiting.discard = end_block(*permit, link->encode_into(), awaiting.place) - 1;
    apart_ = held_ || relay_ != nullptr;
  }
  if (relay_ != nullptr && !judged->block) {
    relay_->expect(awaiting);
  } else {
    link->expect(awaiting);
  }
  ++in_flight_;
  flight_link_ = link;
}

}  // namespace keyward::proxy
