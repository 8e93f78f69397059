// One command: judged, sent its way, or answered here. handle() is the table of contents.
#include "proxy/local_commands.h"
#include "proxy/own_commands.h"
#include "proxy/session.h"
#include "proxy/wire_errors.h"

#include <charconv>

namespace keyward::proxy {

using command::Kind;

Session::Step Session::handle(Args args) {
  if (!std::exchange(counted_, true)) {
    shard_.metrics().commands.add();
    account_.next_command();
  }
  if (login_ == nullptr) return greet_first(args);
  if (ended() && !renews(args)) return refuse_ended(args);
  if (is_own(args)) return within_rate() ? keyward(args) : Step::again;
  const command::Analysis analysis =
      command::analyse(shard_.policy().snapshot->catalog(), args, command_);
  if (analysis.verdict != command::Verdict::ok) return refuse(analysis, args);
  if (rights_are_stale() && !renew_policy()) return Step::again;
  return within_rate() ? decide() : Step::again;
}

Session::Step Session::decide() {
  if (renamed()) {
    if (const std::string refusal = qualify(); !refusal.empty()) return refuse_names(refusal);
  }
  policy::Decision decision =
      login_->grants->decide(command_, {.db = db_, .expiry_later = transaction_ != nullptr});
  if (const auto* denial = std::get_if<policy::Denial>(&decision)) return deny(*denial);
  return judged(std::get<policy::Permit>(decision));
}

Session::Step Session::judged(const policy::Permit& permit) {
  if (!back_from_apart()) return wait_idle();
  // Unsubscribed from everything: the ordinary lanes again, once Redis has confirmed.
  if (relay_ != nullptr && !relay_->needed() && !is_subscription(command_.info->kind))
    return wait_idle();
  // One whose intent is recorded already waits for it, however long.
  if (command_.mutates && intent_ == 0 && !shard_.audit_ready(account_.durability())) {
    answer_error(wire::kAuditDown);
    if (transaction_ != nullptr) transaction_->doom();
    return Step::done;
  }
  if (relay_ != nullptr && protocol_ == resp::Protocol::resp2 &&
      !allowed_while_subscribed(command_.info->kind, command_.info->name)) {
    answer_error(wire::in_subscribed_mode(command_.info->name));
    return Step::done;
  }
  if (!relay_carries()) {
    close(EndedBy::policy, "rights changed while channels are subscribed");
    return Step::done;
  }
  if (starts_tracking(command_)) {
    const std::string_view why = tracking_obstacle(
        command_, protocol_, shard_.policy().snapshot->catalog().version(), renamed());
    if (!why.empty()) {
      answer_error(why);
      if (transaction_ != nullptr) transaction_->doom();
      return Step::done;
    }
  }
  if (command_.scans_keyspace && view::Shape{shape_for(permit)} == view::Shape::some_key)
    return sample(permit);
  if (command_.mutates && !intent_is_safe(permit)) return Step::again;
  leaves_ = at_source_ = false;
  if (login_->grants->reach_sources() && !attestable(permit)) return Step::done;
  if (adds_block(permit)) return send_block(permit);
  switch (lane_of(command_, {.multi = transaction_ != nullptr,
                             .held = static_cast<bool>(held_),
                             .relay = relay_ != nullptr})) {
    case Lane::local:
      return local(permit);
    case Lane::queued:
      return queue(permit);
    case Lane::shared:
      return send_shared(permit);
    case Lane::lent:
      return send_lent(permit);
    case Lane::held:
      return send_held(permit);
    case Lane::relay:
      return send_relay(permit);
  }
  return Step::done;
}

void Session::answer_error(std::string_view text, std::uint64_t ticket) {
  std::string out;
  resp::write_error(out, text);
  replies_.answer(out, ticket);
  wake();
}

Session::Step Session::wait_idle() {
  pause_ = Pause::idle;
  return Step::again;
}

// --- refusals

Session::Step Session::refuse(const command::Analysis& analysis, Args args) {
  shard_.metrics().malformed.add();
  spend_hint();
  std::uint64_t ticket = 0;
  if (analysis.verdict != command::Verdict::arity) {
    const bool known = analysis.verdict == command::Verdict::grammar;
    ticket = account_.refused(known ? command_.info->name : std::string_view("(unknown)"), nullptr,
                              nullptr, known ? "grammar" : "unknown_command", db_);
  }
  (void)args;
  answer_error(analysis.text, ticket);
  if (transaction_ != nullptr) transaction_->doom();
  return Step::done;
}

Session::Step Session::deny(const policy::Denial& denial) {
  spend_hint();
  if (std::string reply;
      absorbed_preamble(command_, login_->grants->name_space(), protocol_, reply)) {
    answer(reply);
    return Step::done;
  }
  const std::uint64_t ticket =
      account_.refused(command_.info->name, &command_, &denial, policy::name(denial.reason), db_);
  std::string text = break_glass_hint();
  if (!text.empty()) text.insert(0, denial.text);
  answer_error(wire::denied(text.empty() ? denial.text : text, account_.request_id()), ticket);
  if (transaction_ != nullptr) transaction_->doom();
  return Step::done;
}

// --- answered here

Session::Step Session::select() {
  int db = 0;
  const std::string_view text = command_.args[1];
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), db);
  if (error != std::errc() || end != text.data() + text.size()) {
    answer_error(wire::kDbInteger);
    return Step::done;
  }
  if (db < 0 || db > 65535) {
    answer_error(wire::kDbRange);
    return Step::done;
  }
  if (!login_->grants->may_select(static_cast<std::uint32_t>(db))) {
    return deny({.reason = policy::DenialReason::database,
                 .nearest = nullptr,
                 .text = "database " + std::to_string(db) +
                         " is not granted to you; ask for it under 'databases' of your grant"});
  }
  if (static_cast<std::uint32_t>(db) != db_) {
    if (held_ends_) return wait_idle();
    if (held_ || relay_ != nullptr) {
      answer_error(wire::kPinnedState);
      return Step::done;
    }
    if (in_flight_ > 0) return wait_idle();
    db_ = static_cast<std::uint32_t>(db);
    appear();
  }
  answer("+OK\r\n");
  return Step::done;
}

// UNSUBSCRIBE and its kin with nothing subscribed: Redis confirms all the same, with a count of
// zero.
Session::Step Session::unsubscribe_nothing() {
  std::string out;
  const std::size_t names = command_.args.size() - 1;
  for (std::size_t i = 0; i < std::max<std::size_t>(1, names); ++i) {
    resp::write_push(out, 3, protocol_);
    resp::write_bulk(out, command_.info->name);
    if (names == 0) {
      resp::write_null(out, protocol_);
    } else {
      resp::write_bulk(out, client_name(command_.args[i + 1]));
    }
    resp::write_integer(out, 0);
  }
  answer(out);
  return Step::done;
}

Session::Step Session::client() {
  Roster& roster = usage_->roster();
  const MonoTime now = shard_.clock().mono();
  answer(command_.info->name == "client|list"
             ? client_list(command_.args, roster, now, protocol_)
             : roster.alter([&] {
                 return client_reply(command_, {.presence = presence_,
                                                .protocol = protocol_,
                                                .subject = account_.subject(),
                                                .now = now});
               }));
  return Step::done;
}

Session::Step Session::local(const policy::Permit&) {
  const bool in_multi = transaction_ != nullptr;
  switch (command_.info->kind) {
    case Kind::multi:
    case Kind::watch:  // local only inside a transaction
      return multi();
    case Kind::exec:
      return exec();
    case Kind::discard:
      return discard();
    case Kind::reset:
      return reset();
    case Kind::quit:
      answer("+OK\r\n");
      leave(EndedBy::client, "quit");
      return Step::done;
    default:
      break;
  }
  if (in_multi) {
    answer_error(wire::not_in_multi(command_.info->name));
    transaction_->doom();
    return Step::done;
  }
  switch (command_.info->kind) {
    case Kind::auth:
      return greeting(false);
    case Kind::hello:
      return greeting(true);
    case Kind::select:
      return select();
    case Kind::unwatch:
      watch_broken_ = false;
      answer("+OK\r\n");
      return Step::done;
    case Kind::unsubscribe:
    case Kind::punsubscribe:
    case Kind::sunsubscribe:
      return unsubscribe_nothing();
    case Kind::wait:
      answer_error(wire::kWait);
      return Step::done;
    case Kind::info:
      answer(info_reply(shard_.facts(), command_.args, protocol_, login_->grants->info_sections()));
      return Step::done;
    default:
      return client();
  }
}

}  // namespace keyward::proxy
