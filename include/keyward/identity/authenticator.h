// Credential -> Principal. Pure but for the clock it is given: key sets come from outside as
// immutable values. One instance per thread (the verdict cache is not shared). The order of checks
// is that of docs/identity.md.
#pragma once

#include "keyward/base/clock.h"
#include "keyward/base/hash.h"
#include "keyward/identity/issuer_config.h"
#include "keyward/identity/principal.h"
#include "keyward/identity/remote.h"
#include "keyward/identity/revocation.h"
#include "keyward/net/peer_certificate.h"

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace keyward::identity {

struct Credential {
  std::string_view user{};    // empty or "default" = not given
  std::string_view secret{};  // the password position
  std::string_view source{};  // address of the client
  // SHA-256 of the client certificate of this connection; null without one.
  const Digest* certificate = nullptr;
};

// Kid unknown, or no key set yet: refresh this issuer's keys once, then ask again.
struct NeedKeys {
  std::string issuer_alias;
};
// Only somebody else can tell: have RemoteVerifier ask, then conclude().
struct AskRemote {
  std::shared_ptr<const RemoteQuestion> question;
};
using Verdict =
    std::variant<std::shared_ptr<const Principal>, Refusal, NeedKeys, CannotDecide, AskRemote>;

class KeySet;  // keyward/identity/jwks.h: immutable, shared between threads

// What a login that is denied is told.
[[nodiscard]] Refusal revoked(const Revocation& by, const Principal& principal);

class Authenticator {
 public:
  // `placeholders`: user names that mean "not given" besides "" and "default".
  Authenticator(std::vector<IssuerConfig> issuers, std::vector<std::string> placeholders,
                const Clock& clock);
  ~Authenticator();
  Authenticator(const Authenticator&) = delete;
  Authenticator& operator=(const Authenticator&) = delete;

  // Purges cached verdicts of that issuer. `fetched` is monotonic time of the successful fetch.
  void set_keys(const std::string& issuer_alias, std::shared_ptr<const KeySet> keys,
                MonoTime fetched);
  // Asked about every credential that was found good, also by a verdict of before.
  void set_denials(std::shared_ptr<const DenyList> denials);
  // `second_try`: the keys were just refreshed; an unknown kid is now a Refusal.
  [[nodiscard]] Verdict authenticate(const Credential& credential, bool second_try = false);
  // What can be said of a credential without judging it, for limits on logins.
  struct Glance {
    bool remembered = false;   // its good verdict is: judging it again costs one hash
    std::string issuer_alias;  // that it claims to be of, or that judges its kind; empty = none
    std::string evidence;      // as a Refusal of it names it; empty: too large to be looked at
  };
  [[nodiscard]] Glance glance(std::string_view secret);
  // What is judged here after the answer came: the user name, and the certificate a token is bound
  // to.
  [[nodiscard]] Verdict conclude(const Credential& credential, RemoteAnswer answer) const;
  // Who the client certificate says is there, by the issuer entry of that alias (profile mtls).
  [[nodiscard]] Verdict identify(const std::string& issuer_alias, std::string_view user,
                                 const net::PeerCertificate& certificate) const;
  // How many credentials were judged by a verdict of before.
  [[nodiscard]] std::uint64_t remembered() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace keyward::identity
