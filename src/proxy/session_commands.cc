// One command: judged, sent its way, or answered here. handle() is the table of contents.
#include <array>
#include <charconv>

#include "proxy/local_commands.h"
#include "proxy/session.h"
#include "proxy/wire_errors.h"

namespace keyward::proxy {

using command::Kind;

Session::Step Session::handle(Args args) {
  shard_.metrics().commands.add();
  account_.next_command();
  if (login_ == nullptr) return greet_first(args);
  const command::Analysis analysis = command::analyse(shard_.policy()->catalog(), args, command_);
  if (analysis.verdict != command::Verdict::ok) return refuse(analysis, args);
  if (expired() && command_.info->kind != Kind::auth && command_.info->kind != Kind::hello) {
    shard_.metrics().sessions_expired.add();
    answer_error(wire::kExpired);
    leave("session ended");
    return Step::done;
  }
  if (shard_.policy().get() != policy_seen_ && !renew_policy()) return Step::again;
  if (const std::uint32_t rate = login_->grants->limits().commands_per_second;
      rate > 0 && !usage_->take_command(rate, shard_.clock().mono())) {
    pause_ = Pause::rate;  // slowed down, not refused: its next second comes
    return Step::again;
  }
  policy::Decision decision = login_->grants->decide(command_, {.db = db_});
  if (const auto* denial = std::get_if<policy::Denial>(&decision)) return deny(*denial);
  return judged(std::get<policy::Permit>(decision));
}

Session::Step Session::judged(const policy::Permit& permit) {
  if (command_.mutates && !shard_.audit_healthy()) {
    answer_error(wire::kAuditDown);
    if (transaction_ != nullptr) transaction_->doom();
    return Step::done;
  }
  if (relay_ != nullptr && protocol_ == resp::Protocol::resp2 && !allowed_while_subscribed(command_.info->kind, command_.info->name)) {
    answer_error(wire::in_subscribed_mode(command_.info->name));
    return Step::done;
  }
  switch (lane_of(command_, {.multi = transaction_ != nullptr, .held = static_cast<bool>(held_), .relay = relay_ != nullptr})) {
    case Lane::local: return local(permit);
    case Lane::queued: return queue(permit);
    case Lane::shared: return send_shared(permit);
    case Lane::lent: return send_lent(permit);
    case Lane::held: return send_held(permit);
    case Lane::relay: return send_relay(permit);
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
  std::uint64_t ticket = 0;
  if (analysis.verdict != command::Verdict::arity) {
    const bool known = analysis.verdict == command::Verdict::grammar;
    ticket = account_.refused(known ? command_.info->name : std::string_view("(unknown)"), nullptr, nullptr,
                              known ? "grammar" : "unknown_command", db_);
  }
  (void)args;
  answer_error(analysis.text, ticket);
  if (transaction_ != nullptr) transaction_->doom();
  return Step::done;
}

Session::Step Session::deny(const policy::Denial& denial) {
  static constexpr std::array<std::string_view, 7> kReasons{"command", "key",   "channel", "database",
                                                            "keyspace_scan", "never", "limit"};
  if (std::string reply; absorbed_preamble(command_, protocol_, reply)) {
    answer(reply);
    return Step::done;
  }
  const std::uint64_t ticket =
      account_.refused(command_.info->name, &command_, &denial, kReasons[static_cast<std::size_t>(denial.reason)], db_);
  answer_error(wire::denied(denial.text, account_.request_id()), ticket);
  if (transaction_ != nullptr) transaction_->doom();
  return Step::done;
}

// --- before login

Session::Step Session::greet_first(Args args) {
  const command::CommandInfo* info = shard_.policy() != nullptr ? shard_.policy()->catalog().find(args) : nullptr;
  if (info != nullptr && (info->kind == Kind::auth || info->kind == Kind::hello || info->kind == Kind::quit ||
                          info->kind == Kind::reset)) {
    const command::Analysis analysis = command::analyse(shard_.policy()->catalog(), args, command_);
    if (analysis.verdict != command::Verdict::ok) {
      answer_error(analysis.text);
      return Step::done;
    }
    if (info->kind == Kind::quit) {
      answer("+OK\r\n");
      leave("quit");
      return Step::done;
    }
    if (info->kind == Kind::reset) return reset();
    return greeting(info->kind == Kind::hello);
  }
  answer_error(wire::kNoAuth);
  return Step::done;
}

// --- identity

Session::Step Session::greeting(bool hello) {
  const GreetingRequest request = parse_greeting(command_.args, hello);
  if (!request.error.empty()) {
    answer_error(request.error);
    return Step::done;
  }
  if (request.credential) return begin_login(request);
  if (login_ == nullptr) {
    answer_error(wire::kHelloNoAuth);
    return Step::done;
  }
  if (request.protocol && *request.protocol != protocol_) {
    if (held_ends_) return wait_idle();
    if (held_ || relay_ != nullptr) {
      answer_error(wire::kPinnedState);
      return Step::done;
    }
    if (in_flight_ > 0) return wait_idle();
    protocol_ = *request.protocol;
  }
  if (request.name) name_ = *request.name;
  answer(hello_reply({.version = shard_.facts().version, .protocol = protocol_, .id = id_}));
  return Step::done;
}

Session::Step Session::begin_login(const GreetingRequest& request) {
  // Rights change only while nothing is under way, so every command runs under the identity that was there when it came.
  if (in_flight_ > 0) return wait_idle();
  const std::string& address = account_.subject().source_ip;
  if (!shard_.login_allowed(address)) {
    shard_.metrics().logins_refused.add();
    answer_error(wire::kTooManyLogins);
    return Step::done;
  }
  pause_ = Pause::login;
  const Place place = replies_.reserve();
  GreetingRequest kept = request;  // its views die with the input
  std::optional<std::string> name;
  if (request.name) name.emplace(*request.name);
  login_flow_ = std::make_unique<LoginFlow>(shard_, [this, kept, name, place](LoginResult result) mutable {
    if (name) kept.name = *name;
    login_done(kept, place, std::move(result));
  });
  login_flow_->authenticate(std::string(request.user), Secret(std::string(request.secret)));
  return Step::done;
}

void Session::login_done(const GreetingRequest& request, Place place, LoginResult result) {
  std::string reply;
  std::uint64_t ticket = 0;
  if (auto* fresh = std::get_if<std::unique_ptr<Login>>(&result)) {
    reply = adopt(request, std::move(*fresh), ticket);
  } else if (const auto* refused = std::get_if<LoginRefused>(&result)) {
    shard_.metrics().logins_refused.add();
    shard_.login_failed(account_.subject().source_ip);
    ticket = account_.login_refused(*refused);
    resp::write_error(reply, wire::wrong_password(account_.request_id()));
  } else {
    shard_.metrics().logins_undecided.add();
    const auto& undecided = std::get<LoginUndecided>(result);
    ticket = account_.login_refused({undecided.reason, undecided.detail, "", ""});
    resp::write_error(reply, wire::kCannotDecide);
  }
  replies_.add(place, reply, ticket);
  replies_.finish(place, ticket);
  resume(Pause::login);
  wake();
}

// The credential is good: this session is now that identity. Answers what the client gets.
std::string Session::adopt(const GreetingRequest& request, std::unique_ptr<Login> fresh, std::uint64_t& ticket) {
  std::string reply;
  const std::string& id = fresh->principal->id;
  const bool other = login_ != nullptr && login_->principal->id != id;
  if ((other || request.protocol.value_or(protocol_) != protocol_) && (held_ || relay_ != nullptr)) {
    resp::write_error(reply, other ? wire::kOtherPrincipal : wire::kPinnedState);
    return reply;
  }
  if (login_ == nullptr || other) {
    std::shared_ptr<Usage> usage = shard_.usage_of(id);
    if (!usage->connect(fresh->grants->limits().connections)) {
      resp::write_error(reply, wire::kGrantConnections);
      return reply;
    }
    if (other) {
      account_.session_ended("another identity logged in");
      usage_->disconnect();
    }
    usage_ = std::move(usage);
  }
  take_login(std::move(fresh));
  ticket = account_.logged_in(*login_);
  shard_.metrics().logins.add();
  if (request.protocol) protocol_ = *request.protocol;
  if (request.name) name_ = *request.name;
  parser_.set_limits(shard_.limits().requests);
  if (request.hello) return hello_reply({.version = shard_.facts().version, .protocol = protocol_, .id = id_});
  return "+OK\r\n";
}

void Session::take_login(std::unique_ptr<Login> fresh) {
  login_ = std::move(fresh);
  policy_seen_ = shard_.policy().get();
  literals_.clear();
  if (!login_->grants->may_select(db_)) db_ = login_->grants->databases().empty() ? 0 : login_->grants->databases().front();
  ends_ = shard_.clock().mono() + (login_->ends - shard_.clock().wall());
}

// The policy was reloaded: the same person's rights under the new version. False: wait, then judge the command anew.
bool Session::renew_policy() {
  if (in_flight_ > 0) {
    pause_ = Pause::idle;
    return false;
  }
  // What was queued was judged by rights that are no longer in force.
  if (transaction_ != nullptr) transaction_->abandon();
  pause_ = Pause::login;
  login_flow_ = std::make_unique<LoginFlow>(shard_, [this](LoginResult result) {
    if (auto* fresh = std::get_if<std::unique_ptr<Login>>(&result)) {
      (*fresh)->ends = std::max((*fresh)->ends, login_->ends);
      take_login(std::move(*fresh));
      account_.renewed(*login_);
      resume(Pause::login);
    } else {
      answer_error(wire::denied("the policy that is now in force grants you nothing", account_.request_id()));
      leave("no grant under the new policy");
    }
  });
  login_flow_->renew(login_->principal, login_->since);
  return pause_ == Pause::none;
}

// --- lanes

upstream::LinkKey Session::link_key() const {
  return {.user = (*login_->lease)->user, .protocol = protocol_, .db = db_};
}

upstream::Loan Session::borrow() { return shard_.pool().borrow(link_key(), (*login_->lease)->password); }

// The one door upstream: takes the permit, keeps what the record needs, encodes what was judged.
Session::Step Session::forward(const policy::Permit& permit, upstream::Link& link) {
  Draft* draft = account_.begin(command_, permit, login_->grants->audit().reads, db_);
  resp::write_request(link.encode_into(), command_.args);
  link.expect({.sink = this, .place = replies_.reserve(), .tag = draft});
  ++in_flight_;
  flight_link_ = &link;
  if (link.congested() && pause_ == Pause::none) {
    pause_ = Pause::room;
    room_link_ = &link;
    link.wait_for_room(*this);
  }
  return Step::done;
}

Session::Step Session::send_shared(const policy::Permit& permit) {
  upstream::Link& link = shard_.pool().shared(link_key(), (*login_->lease)->password);
  if (in_flight_ > 0 && flight_link_ != &link) return wait_idle();
  return forward(permit, link);
}

Session::Step Session::send_lent(const policy::Permit& permit) {
  if (in_flight_ > 0) return wait_idle();
  lent_ = borrow();
  return forward(permit, *lent_);
}

Session::Step Session::send_held(const policy::Permit& permit) {
  if (!held_ && in_flight_ > 0) return wait_idle();
  if (held_ends_) return wait_idle();
  if (!held_) held_ = borrow();
  if (command_.info->kind == Kind::unwatch) held_ends_ = true;
  return forward(permit, *held_);
}

Session::Step Session::send_relay(const policy::Permit& permit) {
  if (relay_ == nullptr) {
    if (in_flight_ > 0) return wait_idle();
    if (held_) {
      answer_error(wire::kPinnedState);
      return Step::done;
    }
  }
  if (!literal_channels_ready()) return channel_error_.empty() ? Step::again : deny_channel();
  if (relay_ == nullptr) relay_ = std::make_unique<Relay>(static_cast<RelayOwner&>(*this), replies_, borrow(), protocol_);
  if (is_subscription(command_.info->kind)) {
    relay_->change(command_.info->kind, command_.args);
    return Step::done;
  }
  Draft* draft = account_.begin(command_, permit, login_->grants->audit().reads, db_);
  resp::write_request(relay_->encode_into(), command_.args);
  relay_->expect({.sink = this, .place = replies_.reserve(), .tag = draft});
  ++in_flight_;
  flight_link_ = relay_->link();
  return Step::done;
}

// Redis compares a PSUBSCRIBE argument with the user's channel patterns by string equality: what policy allowed by containment
// must be made known to it first.
bool Session::literal_channels_ready() {
  if (command_.info->kind != Kind::psubscribe) return true;
  for (const command::ChannelUse& channel : command_.channels) {
    const std::string_view pattern = command_.args[channel.arg];
    if (!login_->grants->needs_literal_channel(pattern) || literals_.contains(pattern)) continue;
    if (!channel_error_.empty()) return false;
    pause_ = Pause::channel;
    shard_.leases().allow_literal_channel((*login_->lease)->user, std::string(pattern),
                                          [this, alive = alive_, name = std::string(pattern)](Result<> result) {
                                            if (!*alive || phase_ == Phase::closed) return;
                                            if (result) {
                                              literals_.insert(name);
                                            } else {
                                              channel_error_ = result.error().message();
                                            }
                                            resume(Pause::channel);
                                          });
    return false;
  }
  return true;
}

Session::Step Session::deny_channel() {
  channel_error_.clear();
  answer_error(wire::kCannotDecide);
  return Step::done;
}

// --- transactions

Session::Step Session::multi() {
  if (transaction_ != nullptr) {
    answer_error(wire::kNestedMulti);
    return Step::done;
  }
  transaction_ = std::make_unique<Transaction>(shard_.drafts(), ++transactions_, shard_.limits().transaction_bytes);
  answer("+OK\r\n");
  return Step::done;
}

Session::Step Session::queue(const policy::Permit& permit) {
  if (is_subscription(command_.info->kind)) {
    answer_error(wire::not_in_multi(command_.info->name));
    transaction_->doom();
    return Step::done;
  }
  Draft* draft = account_.begin(command_, permit, login_->grants->audit().reads, db_);
  if (transaction_->doomed() || transaction_->queue(command_.args, draft)) {
    if (transaction_->doomed()) shard_.drafts().release(draft);
    answer("+QUEUED\r\n");
    return Step::done;
  }
  shard_.drafts().release(draft);
  transaction_->doom();
  answer_error(wire::kTransactionTooLarge);
  return Step::done;
}

Session::Step Session::discard() {
  if (transaction_ == nullptr) {
    answer_error(wire::kDiscardWithoutMulti);
    return Step::done;
  }
  transaction_.reset();
  if (!held_) {
    answer("+OK\r\n");
    return Step::done;
  }
  // Redis never saw MULTI: UNWATCH is what is left to do there, and its +OK is the answer.
  static constexpr std::array<std::string_view, 1> kUnwatch{"UNWATCH"};
  resp::write_request(held_->encode_into(), kUnwatch);
  held_->expect({.sink = this, .place = replies_.reserve()});
  ++in_flight_;
  flight_link_ = held_.get();
  held_ends_ = true;
  return Step::done;
}

// Ends the WATCH of a transaction that does not reach Redis. False: something is still under way there.
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
  if (transaction_->doomed()) {
    if (held_ && !unwatch_held()) return Step::again;
    transaction_.reset();
    answer_error(wire::kExecAbort);
    return Step::done;
  }
  if (relay_ != nullptr) return exec_on_relay();
  upstream::Link* link = held_.get();
  if (link == nullptr) {
    link = &shard_.pool().shared(link_key(), (*login_->lease)->password);
    if (in_flight_ > 0 && flight_link_ != link) return wait_idle();
  }
  transaction_->write_block(link->encode_into());
  link->expect(exec_awaiting());
  ++in_flight_;
  flight_link_ = link;
  held_ends_ = static_cast<bool>(held_);
  transaction_.reset();
  return Step::done;
}

upstream::Awaiting Session::exec_awaiting() {
  Draft* drafts = transaction_->take_drafts();
  return {.sink = this,
          .place = replies_.reserve(),
          .tag = drafts,
          .discard = transaction_->leading(),
          .keep_children = drafts != nullptr};
}

Session::Step Session::exec_on_relay() {
  transaction_->write_block(relay_->encode_into());
  relay_->expect(exec_awaiting());
  ++in_flight_;
  flight_link_ = relay_->link();
  transaction_.reset();
  return Step::done;
}

// --- state

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
                 .text = "database " + std::to_string(db) + " is not granted to you; ask for it under 'databases' of your grant"});
  }
  if (static_cast<std::uint32_t>(db) != db_) {
    if (held_ends_) return wait_idle();
    if (held_ || relay_ != nullptr) {
      answer_error(wire::kPinnedState);
      return Step::done;
    }
    if (in_flight_ > 0) return wait_idle();
    db_ = static_cast<std::uint32_t>(db);
  }
  answer("+OK\r\n");
  return Step::done;
}

Session::Step Session::reset() {
  if (in_flight_ > 0 && relay_ == nullptr) return wait_idle();
  if (relay_ != nullptr) {
    if (in_flight_ > 0) return wait_idle();
    relay_.reset();
    paused_link_ = nullptr;
  }
  held_.drop();
  transaction_.reset();
  if (login_ != nullptr) {
    account_.session_ended("reset");
    usage_->disconnect();
    usage_.reset();
    account_.subject().principal.clear();
    login_.reset();
  }
  ends_ = MonoTime::max();
  accepted_ = shard_.clock().mono();
  protocol_ = resp::Protocol::resp2;
  db_ = 0;
  name_.clear();
  parser_.set_limits(resp::before_login());
  answer("+RESET\r\n");
  return Step::done;
}

// UNSUBSCRIBE and its kin with nothing subscribed: Redis confirms all the same, with a count of zero.
Session::Step Session::unsubscribe_nothing() {
  std::string out;
  const std::size_t names = command_.args.size() - 1;
  for (std::size_t i = 0; i < std::max<std::size_t>(1, names); ++i) {
    resp::write_push(out, 3, protocol_);
    resp::write_bulk(out, command_.info->name);
    if (names == 0) {
      resp::write_null(out, protocol_);
    } else {
      resp::write_bulk(out, command_.args[i + 1]);
    }
    resp::write_integer(out, 0);
  }
  answer(out);
  return Step::done;
}

Session::Step Session::local(const policy::Permit&) {
  const bool in_multi = transaction_ != nullptr;
  switch (command_.info->kind) {
    case Kind::multi: return multi();
    case Kind::exec: return exec();
    case Kind::discard: return discard();
    case Kind::reset: return reset();
    case Kind::watch:
      answer_error(wire::kWatchInMulti);
      return Step::done;
    case Kind::quit:
      answer("+OK\r\n");
      leave("quit");
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
    case Kind::auth: return greeting(false);
    case Kind::hello: return greeting(true);
    case Kind::select: return select();
    case Kind::unwatch: answer("+OK\r\n"); return Step::done;
    case Kind::unsubscribe:
    case Kind::punsubscribe:
    case Kind::sunsubscribe: return unsubscribe_nothing();
    case Kind::wait: answer_error(wire::kWait); return Step::done;
    case Kind::info:
      answer(info_reply(shard_.facts(), command_.args, protocol_));
      return Step::done;
    default:
      answer(client_reply(command_, {.id = id_, .name = name_, .library = library_, .library_version = library_version_,
                                     .db = db_, .protocol = protocol_, .subject = account_.subject(),
                                     .in_multi = false}));
      return Step::done;
  }
}

}  // namespace keyward::proxy
