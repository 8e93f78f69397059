#include "proxy/login_flow.h"

#include "keyward/proxy/shard.h"

#include <algorithm>

namespace keyward::proxy {

namespace {

constexpr std::chrono::hours kLongestSession{12};

// A session ends with its token unless a grant says longer, for clients that cannot renew.
WallTime session_end(const identity::Principal& principal, const policy::Limits& limits,
                     WallTime since) {
  // What was given out for a token was given its life then.
  const bool vended = principal.vended.mode != identity::Vended::Mode::none;
  if (limits.session.count() == 0 || vended) return principal.expires_at;
  const WallTime by_grant = since + std::min<std::chrono::seconds>(limits.session, kLongestSession);
  return std::max(principal.expires_at, by_grant);
}

}  // namespace

void LoginFlow::authenticate(std::string user, Secret token, const Proof& proof) {
  began_ = SystemClock().mono();
  user_ = std::move(user);
  token_ = std::move(token);
  source_ = proof.source;
  if (proof.certificate != nullptr) certificate_ = proof.certificate->sha256;
  if (token_.empty() && proof.certificate != nullptr && !proof.certificate_issuer.empty()) {
    went(LoginWay::checked);
    return judged(
        shard_.authenticator().identify(proof.certificate_issuer, user_, *proof.certificate), true);
  }
  verify(false);
}

identity::Credential LoginFlow::credential() const {
  return {.user = user_,
          .secret = token_.reveal(),
          .source = source_,
          .certificate = certificate_ ? &*certificate_ : nullptr};
}

void LoginFlow::verify(bool second_try) {
  identity::Authenticator& door = shard_.authenticator();
  const std::uint64_t known = door.remembered();
  identity::Verdict verdict = door.authenticate(credential(), second_try);
  if (door.remembered() == known) went(LoginWay::checked);
  judged(std::move(verdict), second_try);
}

void LoginFlow::judged(identity::Verdict verdict, bool second_try) {
  if (auto* principal = std::get_if<std::shared_ptr<const identity::Principal>>(&verdict)) {
    token_ = Secret();
    resolve(std::move(*principal), shard_.clock().wall());
  } else if (auto* refusal = std::get_if<identity::Refusal>(&verdict)) {
    finish(
        LoginRefused{refusal->reason, refusal->detail, refusal->issuer_alias, refusal->evidence});
  } else if (auto* need = std::get_if<identity::NeedKeys>(&verdict);
             need != nullptr && !second_try) {
    went(LoginWay::asked);
    shard_.refresh_keys(need->issuer_alias, [this, alive = alive()] {
      if (*alive) verify(true);
    });
  } else if (auto* elsewhere = std::get_if<identity::AskRemote>(&verdict)) {
    went(LoginWay::asked);
    shard_.ask_remote(
        std::move(elsewhere->question), [this, alive = alive()](identity::RemoteAnswer answer) {
          if (!*alive) return;
          judged(shard_.authenticator().conclude(credential(), std::move(answer)), true);
        });
  } else if (auto* cannot = std::get_if<identity::CannotDecide>(&verdict)) {
    finish(LoginUndecided{"idp_unavailable", cannot->detail});
  } else {
    finish(LoginUndecided{"idp_unavailable", "no keys of this issuer"});
  }
}

void LoginFlow::renew(std::shared_ptr<const identity::Principal> principal, WallTime since,
                      bool break_glass) {
  break_glass_ = break_glass;
  resolve(std::move(principal), since);
}

void LoginFlow::resolve(std::shared_ptr<const identity::Principal> principal, WallTime since) {
  const policy::InForce::Version policy = shard_.policy();
  if (policy.snapshot == nullptr)
    return finish(LoginUndecided{"no_policy_loaded", "no policy is loaded"});
  auto grants = policy.snapshot->grants_for(*principal, break_glass_);
  if (!grants) {
    return finish(LoginRefused{"template_value", grants.error().message(), principal->issuer_alias,
                               principal->evidence});
  }
  if (*grants == nullptr) {
    return finish(LoginRefused{"no_policy", "authenticated, but no grant names this identity",
                               principal->issuer_alias, principal->evidence});
  }
  auto login = std::make_unique<Login>();
  login->since = since;
  // What is short-lived by itself makes no session longer.
  login->ends =
      break_glass_ ? principal->expires_at : session_end(*principal, (*grants)->limits(), since);
  login->principal = std::move(principal);
  login->grants = std::move(*grants);
  login->policy_number = policy.number;
  lease::LeaseClient& leases = shard_.leases();
  lease::LeasePtr held = leases.acquire_held(login->principal->id, *login->grants);
  if (held == nullptr) return ask_lease(std::move(login));
  login->lease.emplace(leases, std::move(held));
  finish(std::move(login));
}

void LoginFlow::ask_lease(std::unique_ptr<Login> login) {
  went(LoginWay::leased);
  login_ = std::move(login);
  lease::LeaseClient& leases = shard_.leases();
  leases.acquire(login_->principal->id, login_->grants,
                 [this, &leases, alive = alive()](Result<lease::LeasePtr> lease) {
                   if (!*alive) {
                     if (lease) leases.release((*lease)->user);
                     return;
                   }
                   if (!lease) return finish(LoginUndecided{"lease", lease.error().message()});
                   login_->lease.emplace(leases, std::move(*lease));
                   finish(std::move(login_));
                 });
}

std::shared_ptr<bool> LoginFlow::alive() {
  if (!alive_) alive_ = std::make_shared<bool>(true);
  return alive_;
}

// Revoked since the credential was judged, or the Redis user that it would run as.
void LoginFlow::deny(LoginResult& result) const {
  const auto* login = std::get_if<std::unique_ptr<Login>>(&result);
  if (login == nullptr) return;
  const Login& made = **login;
  const identity::Revocation* by =
      shard_.denials().denies(*made.principal, {}, (*made.lease)->user, made.since);
  if (by == nullptr) return;
  identity::Refusal refusal = identity::revoked(*by, *made.principal);
  result = LoginRefused{std::move(refusal.reason), std::move(refusal.detail),
                        std::move(refusal.issuer_alias), std::move(refusal.evidence)};
}

void LoginFlow::finish(LoginResult result) {
  Shard& shard = shard_;
  deny(result);
  const MonoTime began = began_;
  const bool counts =
      began != MonoTime::max() && std::holds_alternative<std::unique_ptr<Login>>(result);
  Durations& took = shard.metrics().logins_took[static_cast<std::size_t>(way_)];
  const Done done = std::move(done_);  // may destroy this
  done(std::move(result));
  if (counts) took.add(SystemClock().mono() - began);
}

}  // namespace keyward::proxy
