// `mode: static`: the configured user.
#include "lease/service_state.h"

#include "keyward/base/log.h"
#include "keyward/base/same_secret.h"

namespace keyward::lease {

bool LeaseService::State::is_static(const std::string& user) const {
  return !config.static_user.empty() && user == config.static_user;
}

void LeaseService::State::give_static(const policy::Grants& grants, Done done) {
  if (config.static_user.empty()) {
    return post({[done = std::move(done)] {
      done(Error(Errc::invalid,
                 "the policy wants a static Redis user, and upstream.static_user names none"));
    }});
  }
  Result<Secret> password =
      config.static_password ? config.static_password() : Result<Secret>(Secret());
  if (!password) return post({[done = std::move(done), why = password.error()] { done(why); }});
  LeasePtr lease = std::make_shared<const Lease>(Lease{
      config.static_user, std::move(*password), grants.rights_id(), {}, grants.policy_version()});
  const bool another = static_lease != nullptr &&
                       !same_secret(static_lease->password.reveal(), lease->password.reveal());
  static_lease = lease;
  if (another) {
    static_since = clock.mono();
    if (hooks.renewed) hooks.renewed(lease);
  }
  post({[done = std::move(done), lease = std::move(lease)] { done(lease); }});
}

// Its password is not ours to set, but it may have been replaced where it is read.
void LeaseService::State::repair_static(const std::function<void(Result<>)>& done) {
  Result<Secret> password =
      config.static_password ? config.static_password() : Result<Secret>(Secret());
  // Every shard asks for itself, and the first one was answered already.
  constexpr std::chrono::seconds kJustNow{3};
  const MonoTime now = clock.mono();
  if (static_lease != nullptr && static_since + kJustNow > now) return post({[done] { done({}); }});
  const bool another = password && static_lease != nullptr &&
                       !same_secret(password->reveal(), static_lease->password.reveal());
  if (!another) {
    spdlog::error(
        "Redis refuses the password of the static user {}; it is read again when a connection asks "
        "next",
        config.static_user);
    return post({[done] {
      done(Error(Errc::forbidden, "Redis refuses the password of the static user"));
    }});
  }
  Lease fresh = *static_lease;
  fresh.password = std::move(*password);
  static_lease = std::make_shared<const Lease>(std::move(fresh));
  static_since = now;
  if (hooks.renewed) hooks.renewed(static_lease);
  post({[done] { done({}); }});
}

}  // namespace keyward::lease
