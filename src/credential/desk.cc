#include "credential/desk_state.h"

#include "keyward/base/log.h"
#include "keyward/identity/vended_password.h"

namespace keyward::credential {
namespace {

using identity::CannotDecide;
using identity::Refusal;

constexpr std::size_t kMostJudging = 256;

}  // namespace

Desk::State::State(DeskWiring given_wiring, DeskConfig settings)
    : wiring(std::move(given_wiring)),
      config(std::move(settings)),
      trail(wiring.journal),
      users(std::make_shared<DirectUsers>(wiring, trail, config.instance, config.look_every)),
      given(config.given_per_minute) {}

// One text for every bad token, as at the proxy: the reason is on the trail, under the request's
// id.
Refused Desk::State::refuse(const Request& request, Refused::Why why, const Refusal& reason,
                            std::string text) {
  ++counters.refused;
  const std::string id = hex(random_bytes(6));
  trail.refused(request.caller, reason, request.principal.get(), id);
  return {why, std::move(text) + " (request " + id + ")"};
}

void Desk::State::authenticate(const Secret& token, Request request,
                               std::function<void(Request)> next, Fail fail) {
  if (std::string why = wiring.obstacle(token, request.caller); !why.empty()) {
    ++counters.refused;
    return fail({Refused::Why::too_many, std::move(why)});
  }
  if (stopped || judging >= kMostJudging)
    return fail({Refused::Why::unavailable, "too many tokens are being judged; try again"});
  const auto bad = [this](const Request& refused, const Refusal& reason) {
    wiring.failed(refused.caller, reason);
    return refuse(refused, Refused::Why::unauthenticated, reason, "the token was refused");
  };
  if (identity::vended_user_of(token.reveal())) {
    return fail(bad(request, {"credential", "a credential cannot be exchanged for another one", "",
                              identity::evidence_of(sha256(token.reveal()))}));
  }
  ++judging;
  const Caller caller = request.caller;
  wiring.judge(
      token, caller,
      [self = shared_from_this(), bad, request = std::move(request), next = std::move(next),
       fail = std::move(fail)](identity::RemoteAnswer answer) mutable {
        --self->judging;
        if (self->stopped) return;
        if (const auto* refusal = std::get_if<Refusal>(&answer))
          return fail(bad(request, *refusal));
        if (const auto* cannot = std::get_if<CannotDecide>(&answer)) {
          return fail(self->refuse(request, Refused::Why::unavailable,
                                   {"idp_unavailable", cannot->detail, cannot->issuer_alias, ""},
                                   "the token cannot be judged now; try again"));
        }
        request.principal = std::get<PrincipalPtr>(answer);
        next(std::move(request));
      });
}

Desk::Desk(DeskWiring wiring, DeskConfig config)
    : state_(std::make_shared<State>(std::move(wiring), std::move(config))) {}

Desk::~Desk() { stop(); }

void Desk::stop() {
  state_->stopped = true;
  state_->users->stop();
}

void Desk::give(const Secret& token, Caller caller, Wish wish,
                std::function<void(Answer<Given>)> done) {
  state_->authenticate(
      token, {std::move(caller), std::move(wish), {}, nullptr},
      [state = state_, done](const State::Request& request) { state->give(request, done); },
      [done](Refused why) { done(std::move(why)); });
}

void Desk::renew(const Secret& token, Caller caller, std::string user, std::chrono::seconds ttl,
                 std::function<void(Answer<Given>)> done) {
  Wish wish;
  wish.mode = identity::Vended::Mode::direct;
  wish.ttl = ttl;
  state_->authenticate(
      token, {std::move(caller), std::move(wish), std::move(user), nullptr},
      [state = state_, done](const State::Request& request) { state->renew(request, done); },
      [done](Refused why) { done(std::move(why)); });
}

void Desk::verify(std::shared_ptr<const identity::RemoteQuestion> question,
                  std::function<void(identity::RemoteAnswer)> done) {
  state_->verify({std::move(question), std::move(done)});
}

void Desk::deny(std::shared_ptr<const identity::DenyList> list) {
  state_->users->deny(std::move(list));
}

void Desk::policy_changed() { state_->users->look(); }

void Desk::control_up() { state_->users->look(); }

Desk::Counters Desk::counters() const {
  Counters out = state_->counters;
  out.direct = state_->users->known();
  return out;
}

}  // namespace keyward::credential
