// Credential -> Principal. Pure but for the clock it is given: key sets come from outside as
// immutable values. One instance per thread (the verdict cache is not shared). The order of checks
// is that of docs/identity.md.
#pragma once

#include "keyward/base/clock.h"
#include "keyward/base/result.h"
#include "keyward/identity/principal.h"

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

enum class TokenKind : std::uint8_t { access, id, workload };

struct IssuerConfig {
  std::string alias;
  std::string issuer;                  // exact bytes of iss
  std::vector<std::string> audiences;  // at least one
  std::vector<std::string> algorithms = {"RS256", "ES256"};
  std::string jwks_file;                // keys from a file (re-read on change) instead of discovery
  std::string jwks_uri;                 // set to skip discovery
  std::string ca_file;                  // trust for discovery and keys; empty = the system's
  bool internal = false;                // discovery may go to private and loopback addresses
  std::string principal_claim = "sub";  // dotted path
  // Dotted path to an array of strings or a space-separated string; empty = groups are not read.
  std::string groups_claim = "groups";
  std::string label_claim;
  TokenKind token_kind = TokenKind::access;
  bool allow_extra_audiences = true;
  std::chrono::seconds leeway{30}, exp_leeway{0}, max_lifetime{std::chrono::hours(24)},
      max_session{std::chrono::hours(24)};
  std::chrono::seconds refresh{std::chrono::hours(1)}, max_stale{std::chrono::hours(24)};
  // A user name sent by the client may equal one of these claims.
  std::vector<std::string> user_claims = {"sub"};
  std::vector<std::pair<std::string, std::string>> required_claims;  // exact matches, dotted paths
  // "client_id" for issuers whose access tokens carry no aud (Cognito).
  std::string audience_claim = "aud";
};
// What is wrong with a set of issuers, one sentence each; empty when they can be used together.
[[nodiscard]] std::vector<std::string> check_issuers(const std::vector<IssuerConfig>& issuers);

struct Credential {
  std::string_view user;    // empty or "default" = not given
  std::string_view secret;  // the password position
};

// Why a login was refused: for the log and the audit; the client sees one text for all of them.
struct Refusal {
  std::string reason;        // stable word: "expired", "unknown_issuer"; all in docs/identity.md
  std::string detail;        // one sentence, no token text
  std::string issuer_alias;  // when known
  std::string evidence;      // digest of the credential
};
// Kid unknown, or no key set yet: refresh this issuer's keys once, then ask again.
struct NeedKeys {
  std::string issuer_alias;
};
// Keys too old or issuer unreachable: fail closed, but "try again".
struct CannotDecide {
  std::string issuer_alias;
  std::string detail;
};
using Verdict = std::variant<std::shared_ptr<const Principal>, Refusal, NeedKeys, CannotDecide>;

class KeySet;  // keyward/identity/jwks.h: immutable, shared between threads

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
  // `second_try`: the keys were just refreshed; an unknown kid is now a Refusal.
  [[nodiscard]] Verdict authenticate(const Credential& credential, bool second_try = false);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace keyward::identity
