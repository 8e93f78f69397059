#include "trigger/caller.h"

#include "keyward/base/hash.h"
#include "keyward/net/tls.h"

#include <boost/asio/post.hpp>

#include <algorithm>

namespace keyward::trigger {
namespace {

// Files of authorities are replaced under a running process.
constexpr std::chrono::minutes kContextLife{1};
constexpr std::size_t kMostAnswer = 1024UL * 1024;

bool one_word(std::string_view text) {
  return !text.empty() &&
         std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c <= '~'; });
}

void sign(Outgoing& request, const aws::Keys& keys, WallTime now) {
  net::sigv4::Request to_sign;
  to_sign.method = request.method;
  to_sign.host = authority_of(request.url);
  to_sign.headers = request.headers;
  to_sign.payload_hash = hex(sha256(request.body));
  net::sigv4::Scope scope;
  scope.region = request.region;
  scope.service = request.service;
  scope.time = std::chrono::floor<std::chrono::seconds>(now);
  for (auto& header : net::sigv4::sign(to_sign, scope, keys))
    request.headers.push_back(std::move(header));
}

}  // namespace

Caller::Caller(boost::asio::io_context& io, const Rule& rule, const Connection& connection)
    : io_(io), rule_(rule), connection_(connection), pool_(io, rule.concurrency) {}

Result<> Caller::renew_context() {
  const MonoTime now = clock_.mono();
  if (tls_ && now - tls_made_ < kContextLife) return {};
  net::ClientTlsConfig config;
  config.ca_file = connection_.ca_file;
  auto made = net::make_client_context(config);
  if (!made && !tls_) return made.error();
  tls_made_ = now;
  if (made) tls_ = *std::move(made);
  if (connection_.kind != Connection::Kind::aws || keeper_) return {};
  // Whoever vouches for a private endpoint of a service does not vouch for STS.
  auto system = net::make_client_context({});
  if (!system) return system.error();
  aws::Settings settings;
  settings.region = connection_.region;
  settings.profile = connection_.profile;
  settings.session = "keyward-trigger";
  settings.tls = *std::move(system);
  chain_ = std::make_shared<aws::CredentialChain>(io_, std::move(settings));
  keeper_.emplace(
      [chain = chain_](aws::CredentialKeeper::Done done) {
        // The chain outlives its question.
        chain->find([chain, done = std::move(done)](Result<aws::Credentials> found) {
          done(std::move(found));
        });
      },
      clock_);
  return {};
}

void Caller::Call::finish(Answer answer) {
  if (!done) return;
  timer.cancel();
  std::exchange(done, nullptr)(std::move(answer));
}

void Caller::start(Start what, std::function<void(Answer)> done) {
  const auto call = std::make_shared<Call>(io_, std::move(what), std::move(done));
  const std::weak_ptr<bool> alive = alive_;
  call->timer.expires_after(rule_.target.timeout);
  call->timer.async_wait([call, alive](const boost::system::error_code& stopped) {
    if (!stopped && alive.lock())
      call->finish(answer(Answer::Verdict::retry, "timeout", "no answer within the timeout"));
  });
  boost::asio::post(io_, [this, call, alive] {
    if (!alive.lock()) return;
    if (auto ready = renew_context(); !ready)
      return call->finish(answer(Answer::Verdict::retry, "tls", ready.error().message()));
    if (call->what.attempt > 1)
      call->search = Search::of(rule_, connection_, call->what, clock_.wall());
    call->search ? look(call) : send(call);
  });
}

// Whether an attempt whose answer was lost has started it.
void Caller::look(const CallPtr& call) {
  Outgoing request = call->search->question();
  if (auto in = let_in(request); !in)
    return call->finish(answer(Answer::Verdict::retry, "secret", in.error().message()));
  transmit(call, std::move(request), [this, call](const Result<net::HttpResponse>& response) {
    const bool long_one = !response && response.error().code() == Errc::limit;
    if (!response && !long_one) return call->finish(judge_failure(response.error()));
    const Search::State state = long_one ? call->search->too_long()
                                         : call->search->answered(response->status, response->body);
    if (state == Search::State::asks) return look(call);
    if (state == Search::State::absent) return send(call);
    Answer out = answer(Answer::Verdict::done, "already_started");
    out.already = true;
    if (state == Search::State::failed) {
      out = judge(rule_.target.kind, response->status, response->body);
      if (out.verdict == Answer::Verdict::done)
        out = answer(Answer::Verdict::retry, "no_list", "the search for an earlier start failed");
    }
    call->finish(std::move(out));
  });
}

void Caller::send(const CallPtr& call) {
  auto composed = compose(rule_, connection_, call->what);
  if (!composed)
    return call->finish(answer(Answer::Verdict::dead, "invalid_input", composed.error().message()));
  Outgoing& request = *composed;
  OnResponse on = [this, call](const Result<net::HttpResponse>& got) { conclude(call, got); };
  if (!request.service.empty()) return send_signed(call, request, std::move(on));
  if (auto in = let_in(request); !in)
    return call->finish(answer(Answer::Verdict::retry, "secret", in.error().message()));
  transmit(call, std::move(request), std::move(on));
}

void Caller::ask(Outgoing request, const OnResponse& on) {
  if (auto ready = renew_context(); !ready) return on(ready.error());
  const auto call = std::make_shared<Call>(io_, Start{}, [on](const Answer& said) {
    on(Error(Errc::unavailable, said.detail.empty() ? said.reason : said.detail));
  });
  OnResponse answered = [call, on](const Result<net::HttpResponse>& got) {
    call->done = nullptr;
    on(got);
  };
  if (!request.service.empty()) return send_signed(call, request, std::move(answered));
  if (auto in = let_in(request); !in) return on(in.error());
  transmit(call, std::move(request), std::move(answered));
}

void Caller::send_signed(const CallPtr& call, const Outgoing& request, OnResponse on) {
  if (!keeper_)
    return call->finish(
        answer(Answer::Verdict::retry, "no_credentials", "not a connection to AWS"));
  keeper_->get([this, call, request = Outgoing(request),
                on = std::move(on)](const Result<aws::Credentials>& found) mutable {
    if (!call->done) return;
    if (!found)
      return call->finish(
          answer(Answer::Verdict::retry, "no_credentials", found.error().message()));
    sign(request, found->keys, clock_.wall());
    transmit(call, std::move(request),
             [this, keys = found->keys, on = std::move(on)](const Result<net::HttpResponse>& got) {
               const bool refused =
                   got && about_credentials(judge(rule_.target.kind, got->status, got->body));
               if (refused) keeper_->refused(keys);
               on(got);
             });
  });
}

void Caller::transmit(const CallPtr& call, Outgoing outgoing, OnResponse on) {
  net::HttpRequest request;
  request.method = std::move(outgoing.method);
  request.url = std::move(outgoing.url);
  request.headers = std::move(outgoing.headers);
  request.body = std::move(outgoing.body);
  request.allow_plain = request.url.starts_with("http://");  // the configuration allowed it
  request.allow_private = connection_.internal;
  request.max_body = kMostAnswer;
  request.deadline = rule_.target.timeout;
  using Unanswered = net::HttpPool::Unanswered;
  pool_.fetch(
      tls_, std::move(request),
      [call, on = std::move(on)](const Result<net::HttpResponse>& response) {
        if (call->done) on(response);
      },
      outgoing.once ? Unanswered::fails : Unanswered::again);
}

void Caller::conclude(const CallPtr& call, const Result<net::HttpResponse>& response) {
  if (!response) return call->finish(judge_failure(response.error()));
  Answer out = judge(rule_.target.kind, response->status, response->body);
  if (out.verdict == Answer::Verdict::retry) {
    const auto asked = net::retry_after(response->retry_after, std::chrono::system_clock::now());
    out.after = asked.value_or(std::chrono::milliseconds(0));
  }
  call->finish(std::move(out));
}

Result<> Caller::let_in(Outgoing& request) const {
  if (!connection_.secret) return {};
  const auto secret = connection_.secret();
  if (!secret) return secret.error();
  const std::string_view text = secret->reveal();
  if (!one_word(text))
    return Error(Errc::invalid,
                 "the secret of connection " + connection_.name + " is no printable word");
  std::string value;
  if (!connection_.user.empty()) {
    value = "Basic " + base64_encode(connection_.user + ":" + std::string(text));
  } else {
    if (!connection_.scheme.empty()) value = connection_.scheme + " ";
    value += text;
  }
  request.headers.emplace_back(connection_.header, std::move(value));
  return {};
}

}  // namespace keyward::trigger
