// From a credential to a Login: verify the token, resolve the grants, get the lease. Answers once,
// at once when all is cached.
#pragma once

#include "proxy/login.h"

#include "keyward/base/secret.h"
#include "keyward/identity/authenticator.h"
#include "keyward/proxy/metrics.h"

#include <algorithm>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <variant>

namespace keyward::proxy {

class Shard;

struct LoginRefused {  // the credential is bad, or nobody granted it anything: one text for all of
                       // them
  std::string reason, detail, issuer_alias, evidence;
};
struct LoginUndecided {  // we cannot tell: keys, Redis or the policy are away
  std::string reason, detail;
};
using LoginResult = std::variant<std::unique_ptr<Login>, LoginRefused, LoginUndecided>;

// What the connection itself proves.
struct Proof {
  std::string source;  // address of the client
  const net::PeerCertificate* certificate = nullptr;
  std::string certificate_issuer;  // alias of the issuer entry for certificates; empty = none
};

// Owned by its session; destroying it cancels: `done` is not called any more.
class LoginFlow {
 public:
  using Done = std::function<void(LoginResult)>;
  LoginFlow(Shard& shard, Done done) : shard_(shard), done_(std::move(done)) {}
  ~LoginFlow() {
    if (alive_) *alive_ = false;
  }
  LoginFlow(const LoginFlow&) = delete;
  LoginFlow& operator=(const LoginFlow&) = delete;

  // An empty token stands for the client certificate, where the listener says what that means.
  void authenticate(std::string user, Secret token, const Proof& proof);
  // The same person under the policy that is in force now, with what break-glass adds if asked for.
  void renew(std::shared_ptr<const identity::Principal> principal, WallTime since,
             bool break_glass);

 private:
  void verify(bool second_try);
  void judged(identity::Verdict verdict, bool second_try);
  [[nodiscard]] identity::Credential credential() const;
  void resolve(std::shared_ptr<const identity::Principal> principal, WallTime since);
  void ask_lease(std::unique_ptr<Login> login);
  // It took more than what has been done so far.
  void went(LoginWay way) { way_ = std::max(way_, way); }
  // What a callback from elsewhere must look at before it touches this.
  std::shared_ptr<bool> alive();
  void deny(LoginResult& result) const;
  void finish(LoginResult result);

  Shard& shard_;
  Done done_;
  std::string user_;
  Secret token_;
  // By the system's clock, since the shard's stands still within a turn; max() for renew(), which
  // nobody waits for.
  MonoTime began_ = MonoTime::max();
  LoginWay way_ = LoginWay::remembered;
  bool break_glass_ = false;
  std::string source_;
  std::optional<Digest> certificate_;
  std::unique_ptr<Login> login_;  // while its lease is on its way
  std::shared_ptr<bool> alive_;   // made when somebody must be asked
};

}  // namespace keyward::proxy
