// Who the session is: AUTH, HELLO, RESET.
#include "proxy/login_input.h"
#include "proxy/session.h"
#include "proxy/wire_errors.h"

#include <openssl/crypto.h>

namespace keyward::proxy {

using command::Kind;

Session::Step Session::greet_first(Args args) {
  const command::CommandInfo* info = shard_.policy().snapshot != nullptr
                                         ? shard_.policy().snapshot->catalog().find(args)
                                         : nullptr;
  if (info != nullptr && (info->kind == Kind::auth || info->kind == Kind::hello ||
                          info->kind == Kind::quit || info->kind == Kind::reset)) {
    const command::Analysis analysis =
        command::analyse(shard_.policy().snapshot->catalog(), args, command_);
    if (analysis.verdict != command::Verdict::ok) {
      answer_error(analysis.text);
      return Step::done;
    }
    if (info->kind == Kind::quit) {
      answer("+OK\r\n");
      leave(EndedBy::client, "quit");
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
    appear();
  }
  if (request.name) set_name(*request.name);
  answer(hello_reply({.version = shard_.facts().version, .protocol = protocol_, .id = id_}));
  return Step::done;
}

// OpenSSL wipes what it has handed over, each time its whole buffer: dear, so only before a login.
void wipe_input(SSL* ssl, bool on) {
  if (ssl == nullptr) return;
  if (on) {
    SSL_set_options(ssl, SSL_OP_CLEANSE_PLAINTEXT);
  } else {
    SSL_clear_options(ssl, SSL_OP_CLEANSE_PLAINTEXT);
  }
}

namespace {

// The input lies in buffers of this thread or session, that nobody else reads: what was shown as a
// credential goes no further than to its copy, and is not left there for the next core or bug.
void wipe(std::string_view shown) {
  OPENSSL_cleanse(const_cast<char*>(shown.data()), shown.size());
}

}  // namespace

Session::Step Session::begin_login(const GreetingRequest& request) {
  // Rights change only while nothing is under way, so every command runs under the identity that
  // was there when it came.
  if (in_flight_ > 0) return wait_idle();
  if (const std::string_view why = login_obstacle(request.secret); !why.empty()) {
    answer_error(why);
    return Step::done;
  }
  pause_ = Pause::login;
  const Place place = login_place_ = replies_.reserve();
  GreetingRequest kept = request;  // its views die with the input
  std::optional<std::string> name;
  if (request.name) name.emplace(*request.name);
  login_flow_ =
      std::make_unique<LoginFlow>(shard_, [this, kept, name, place](LoginResult result) mutable {
        if (name) kept.name = *name;
        login_done(kept, place, std::move(result));
      });
  Secret secret{std::string(request.secret)};
  wipe(request.secret);
  login_flow_->authenticate(std::string(request.user), std::move(secret), proof());
  return Step::done;
}

// Why no credential of this address is judged now; empty = nothing. Those whose good verdict is
// remembered, and those of an issuer that has nothing to do with it, do not suffer for the others.
std::string_view Session::login_obstacle(std::string_view secret, std::string issuer,
                                         std::string evidence) {
  const MonoTime now = shard_.clock().mono();
  const std::string source = source_of(account_.subject().source_ip);
  if (!shard_.sources().may_try(source, now)) {
    shard_.metrics().logins_refused.add();
    shard_.sources().refused_unseen(source, "", "too_many_logins", now, shard_.clock().wall());
    return wire::kTooManyLogins;
  }
  if (!shard_.sources().suspicious(source, now)) return {};
  if (!secret.empty()) {
    identity::Authenticator::Glance glance = shard_.authenticator().glance(secret);
    if (glance.remembered) return {};
    issuer = std::move(glance.issuer_alias);
    evidence = std::move(glance.evidence);
  }
  const Sources::Lock lock = shard_.sources().lock(source, issuer, evidence, now);
  if (lock == Sources::Lock::open) return {};
  shard_.metrics().logins_refused.add();
  // One record at once, and one with the count: a flood must not become one of the trail.
  if (lock == Sources::Lock::locked) {
    shard_.sources().refused_unseen(source, issuer, "too_many_failures", now,
                                    shard_.clock().wall());
  } else {
    (void)account_.login_refused({"too_many_failures",
                                  "no such login of this address is judged for the rest of the minute",
                                  issuer, ""});
  }
  return wire::kTooManyFailures;
}

void Session::note_refused(const LoginRefused& refused) {
  shard_.metrics().logins_refused.add();
  shard_.sources().failed(source_of(account_.subject().source_ip), refused.issuer_alias,
                          refused.evidence, shard_.clock().mono());
}

Proof Session::proof() {
  return {.source = account_.subject().source_ip,
          .certificate = certificate_ ? &*certificate_ : nullptr,
          .certificate_issuer = client_identity_};
}

// Before the first command is looked at: who shows a certificate of a listener that knows what it
// means needs no AUTH. What comes meanwhile waits.
void Session::certificate_login() {
  if (!certificate_ || client_identity_.empty() || phase_ != Phase::open) return;
  const std::string evidence = identity::evidence_of(certificate_->sha256);
  if (!login_obstacle({}, client_identity_, evidence).empty()) return;
  pause_ = Pause::login;
  login_flow_ = std::make_unique<LoginFlow>(
      shard_, [this](LoginResult result) { certificate_login_done(std::move(result)); });
  login_flow_->authenticate("", Secret(), proof());
}

// There is no command to answer. Who is refused may still AUTH with a token; who cannot be judged
// now comes again.
void Session::certificate_login_done(LoginResult result) {
  if (auto* fresh = std::get_if<std::unique_ptr<Login>>(&result)) {
    wipe_input(stream_->ssl(), false);
    std::uint64_t ticket = 0;
    (void)adopt({}, std::move(*fresh), ticket);
    if (login_ == nullptr)
      return close(EndedBy::limits, "the grant's limit of connections is reached");
  } else if (const auto* refused = std::get_if<LoginRefused>(&result)) {
    note_refused(*refused);
    (void)account_.login_refused(*refused);
  } else {
    shard_.metrics().logins_undecided.add();
    const auto& undecided = std::get<LoginUndecided>(result);
    (void)account_.login_refused({undecided.reason, undecided.detail, "", ""});
    return close(EndedBy::redis, "the certificate's login could not be decided");
  }
  resume(Pause::login);
  if (login_ != nullptr && outdated()) shard_.judge_soon(*this);
  wake();
}

void Session::login_done(const GreetingRequest& request, Place place, LoginResult result) {
  std::string reply;
  std::uint64_t ticket = 0;
  if (auto* fresh = std::get_if<std::unique_ptr<Login>>(&result)) {
    wipe_input(stream_->ssl(), false);
    reply = adopt(request, std::move(*fresh), ticket);
  } else if (const auto* refused = std::get_if<LoginRefused>(&result)) {
    note_refused(*refused);
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
  if (login_ != nullptr && outdated()) shard_.judge_soon(*this);
  wake();
}

// The credential is good: this session is now that identity. Answers what the client gets.
std::string Session::adopt(const GreetingRequest& request, std::unique_ptr<Login> fresh,
                           std::uint64_t& ticket) {
  std::string reply;
  const std::string& id = fresh->principal->id;
  const bool other = login_ != nullptr && login_->principal->id != id;
  const bool other_names =
      login_ != nullptr && login_->grants->name_space() != fresh->grants->name_space();
  const auto refuse = [&](std::string_view reason, std::string_view text) {
    shard_.metrics().logins_refused.add();
    ticket = account_.login_refused({std::string(reason), std::string(text),
                                     fresh->principal->issuer_alias, fresh->principal->evidence});
    resp::write_error(reply, text);
    return reply;
  };
  if ((other || other_names || request.protocol.value_or(protocol_) != protocol_) && pinned())
    return refuse("pinned", other ? wire::kOtherPrincipal : wire::kPinnedState);
  if (!shard_.usage().may_log_in(id, shard_.limits().logins_per_identity, shard_.clock().mono()))
    return refuse("login_rate", wire::kTooManyOfIdentity);
  const bool renewed = login_ != nullptr && !other;
  if (!renewed) {
    std::shared_ptr<Usage> usage = shard_.usage_of(id);
    if (!usage->connect(fresh->grants->limits().connections))
      return refuse("connections", wire::kGrantConnections);
    if (other) {
      log_off(EndedBy::client, "another identity logged in");
    }
    usage_ = std::move(usage);
    join_roster(id);
  }
  end_break_glass("a new login");
  take_login(std::move(fresh));
  seat_.logged_in(true);
  ticket = account_.logged_in(*login_);
  shard_.metrics().logins.add();
  if (renewed) shard_.metrics().sessions_renewed.add();
  if (request.protocol) protocol_ = *request.protocol;
  if (request.name) set_name(*request.name);
  appear();
  parser_.set_limits(shard_.limits().requests);
  if (request.hello)
    return hello_reply({.version = shard_.facts().version, .protocol = protocol_, .id = id_});
  return "+OK\r\n";
}

// From now on CLIENT LIST shows it to the sessions of that identity.
void Session::join_roster(const std::string& principal) {
  presence_.user = principal;
  presence_.since = shard_.clock().mono();
  usage_->roster().join(presence_);
}

// Whoever is logged in is so no longer: told to the trail, to the metrics and to its other
// sessions.
void Session::log_off(EndedBy by, std::string_view reason) {
  end_break_glass(reason);
  account_.session_ended(reason, end_detail_);
  shard_.metrics().sessions_ended[static_cast<std::size_t>(by)].add();
  note_near_end(false);
  usage_->roster().leave(presence_);
  usage_->disconnect();
}

void Session::set_name(std::string_view name) {
  usage_->roster().alter([&] { presence_.name = name; });
}

void Session::appear() {
  const int protocol = static_cast<int>(protocol_);
  const bool subscribed = relay_ != nullptr && relay_->subscribed();
  if (presence_.db == db_ && presence_.protocol == protocol && presence_.subscribed == subscribed)
    return;
  usage_->roster().alter([&] {
    presence_.db = db_;
    presence_.protocol = protocol;
    presence_.subscribed = subscribed;
  });
}

Session::Step Session::reset() {
  if (in_flight_ > 0 && relay_ == nullptr) return wait_idle();
  if (relay_ != nullptr) {
    if (!relay_->settled()) return wait_idle();
    relay_.reset();
    relay_login_.reset();
    paused_link_ = nullptr;
  }
  held_.drop();
  watch_broken_ = false;
  (void)forget_queued("RESET");
  if (login_ != nullptr) {
    log_off(EndedBy::client, "reset");
    usage_.reset();
    account_.logged_out();
    login_.reset();
    seat_.logged_in(false);
    // The time to log in begins anew; a RESET before any login buys none.
    accepted_ = shard_.clock().mono();
    shared_ = {};
  }
  ending_.renewed(MonoTime::max());
  protocol_ = resp::Protocol::resp2;
  db_ = 0;
  presence_.name.clear();
  parser_.set_limits(resp::before_login());
  answer("+RESET\r\n");
  certificate_login();
  return Step::done;
}

}  // namespace keyward::proxy
