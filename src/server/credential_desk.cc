// Credentials for tokens: what the desk needs of the rest of the process.
#include "server/state.h"

#include "keyward/credential/desk.h"

#include <boost/asio/post.hpp>

namespace keyward::server {

namespace {

using identity::CannotDecide;
using identity::Refusal;
using identity::RemoteAnswer;
using Principal = std::shared_ptr<const identity::Principal>;

}  // namespace

// A token on its way through the control thread's Authenticator; as proxy::LoginFlow for a shard.
struct Server::State::TokenLogin {
  State& state;
  Secret token;
  credential::Caller caller;
  std::function<void(RemoteAnswer)> done;

  [[nodiscard]] identity::Credential credential() const {
    return {.user = {},
            .secret = token.reveal(),
            .source = caller.source,
            .certificate = caller.certificate ? &*caller.certificate : nullptr};
  }
  static void verify(const std::shared_ptr<TokenLogin>& self, bool second_try) {
    judged(self, self->state.authenticator->authenticate(self->credential(), second_try),
           second_try);
  }
  static void judged(const std::shared_ptr<TokenLogin>& self, identity::Verdict verdict,
                     bool second_try) {
    if (auto* principal = std::get_if<Principal>(&verdict)) {
      self->done(std::move(*principal));
    } else if (auto* refusal = std::get_if<Refusal>(&verdict)) {
      self->done(std::move(*refusal));
    } else if (auto* cannot = std::get_if<CannotDecide>(&verdict)) {
      self->done(std::move(*cannot));
    } else if (const auto* need = std::get_if<identity::NeedKeys>(&verdict)) {
      if (second_try) return self->done(CannotDecide{need->issuer_alias, "no keys of this issuer"});
      self->state.keys->refresh(need->issuer_alias, [self] { verify(self, true); });
    } else if (auto* elsewhere = std::get_if<identity::AskRemote>(&verdict)) {
      self->state.remote->ask(std::move(elsewhere->question), [self](RemoteAnswer answer) {
        judged(self, self->state.authenticator->conclude(self->credential(), std::move(answer)),
               true);
      });
    }
  }
};

void Server::State::build_desk() {
  authenticator =
      std::make_unique<identity::Authenticator>(config.issuers, config.user_placeholders, clock);
  desk = std::make_unique<credential::Desk>(
      credential::DeskWiring{
          .io = io,
          .store = *store,
          .journal = *journal,
          .clock = clock,
          .policy = [this] { return policy; },
          .obstacle =
              [this](const Secret& token, const credential::Caller& caller) {
                return login_obstacle(token, caller.source);
              },
          .failed =
              [this](const credential::Caller& caller, const Refusal& why) {
                addresses->failed(proxy::source_of(caller.source), why.issuer_alias, why.evidence,
                                  clock.mono());
              },
          .judge =
              [this](const Secret& token, const credential::Caller& caller,
                     std::function<void(RemoteAnswer)> done) {
                TokenLogin::verify(
                    std::make_shared<TokenLogin>(TokenLogin{*this, token, caller, std::move(done)}),
                    false);
              },
          .revoke =
              [this](identity::Revocation what, std::function<void(Result<>)> done) {
                revoke(std::move(what), [done = std::move(done)](const auto& revoked) {
                  done(revoked ? Result<>() : Result<>(revoked.error()));
                });
              }},
      credential::DeskConfig{.instance = config.instance});
}

// As Session::login_obstacle: the proxy and the exchange are one door to who tries tokens.
std::string Server::State::login_obstacle(const Secret& token, const std::string& address) {
  const std::string source = proxy::source_of(address);
  const MonoTime now = clock.mono();
  if (!addresses->may_try(source, now)) return "too many logins from this address within a minute";
  if (!addresses->suspicious(source, now)) return {};
  const auto glance = authenticator->glance(token.reveal());
  if (glance.remembered) return {};
  const auto lock = addresses->lock(source, glance.issuer_alias, glance.evidence, now);
  return lock == proxy::Sources::Lock::open ? "" : "too many refused tokens from this address";
}

void Server::State::ask_remote(std::shared_ptr<const identity::RemoteQuestion> question,
                               std::function<void(RemoteAnswer)> done) {
  if (question->kind == identity::RemoteQuestion::Kind::vended)
    return desk->verify(std::move(question), std::move(done));
  remote->ask(std::move(question), std::move(done));
}

}  // namespace keyward::server
