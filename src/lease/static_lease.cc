// `mode: static`: the configured user.
#include "lease/service_state.h"

#include <boost/asio/post.hpp>

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
  post({[done = std::move(done), lease = std::move(lease)] { done(lease); }});
}

}  // namespace keyward::lease
