// What is configured about one way in: whose tokens, how they are proven, what they must say.
#pragma once

#include "keyward/base/result.h"
#include "keyward/base/secret.h"

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace keyward::identity {

enum class TokenKind : std::uint8_t { access, id, workload };

// Known issuers: defaults and checks that their tokens need (src/identity/profile.cc).
enum class Profile : std::uint8_t {
  none,
  okta,
  entra,
  auth0,
  google,
  keycloak,
  cognito,
  kubernetes,
  github_actions,
  aws_outbound,
  aws_iam,  // a presigned STS GetCallerIdentity request instead of a token
  mtls,     // the client certificate of the connection instead of a token
};

// RFC 7662: somebody else says what an opaque token is worth.
struct IntrospectionConfig {
  std::string url;  // empty = none
  std::string client_id;
  std::function<Result<Secret>()> client_secret;  // read anew for every question
  bool only = false;                              // all tokens of this issuer, none by keys
  std::chrono::seconds cache{60};
};

// Kubernetes: whether the pod and the account of a token still exist.
struct TokenReviewConfig {
  std::string url;  // empty = none
  std::chrono::seconds cache{60};
};

struct AwsConfig {
  enum class Reuse : std::uint8_t { window, once, per_source_ip };
  std::string audience;  // what callers sign as x-keyward-audience
  std::vector<std::string> accounts, regions;
  bool fips = false;  // also the sts-fips hosts of the regions
  std::string
      endpoint;  // "host:port" to connect to instead, for a VPC endpoint without private DNS
  Reuse reuse = Reuse::window;
};

struct CertificateConfig {
  enum class San : std::uint8_t { spiffe, uri, dns, email };
  San san = San::spiffe;
  std::vector<std::string> trust_domains;  // spiffe: at least one
};

struct IssuerConfig {
  std::string alias;
  Profile profile = Profile::none;
  std::string issuer;                  // exact bytes of iss
  std::vector<std::string> audiences;  // at least one
  std::vector<std::string> algorithms = {"RS256", "ES256"};
  std::string jwks_file;  // keys from a file (re-read on change) instead of discovery
  std::string jwks_uri;   // set to skip discovery
  std::vector<std::string>
      key_hosts;            // where a discovered jwks_uri may be, besides the issuer's host
  std::string ca_file;      // trust for discovery and keys; empty = the system's
  std::string bearer_file;  // sent to the configured origins with every question
  bool internal = false;    // discovery may go to private and loopback addresses
  std::string principal_claim = "sub";  // dotted path
  std::string principal_fallback;       // dotted path, for tokens without principal_claim
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
  IntrospectionConfig introspection;
  TokenReviewConfig token_review;
  AwsConfig aws;
  CertificateConfig certificate;

  // Tokens are judged by the issuer's key set.
  [[nodiscard]] bool has_keys() const {
    return profile != Profile::aws_iam && profile != Profile::mtls && !introspection.only;
  }
};
// What is wrong with a set of issuers, one sentence each; empty when they can be used together.
[[nodiscard]] std::vector<std::string> check_issuers(const std::vector<IssuerConfig>& issuers);

// Names as in `profile:`, in the order of the enumeration, without `none`.
[[nodiscard]] const std::vector<std::string>& profile_names();
// The profile's defaults; unknown names change nothing. Settings are read over them afterwards.
void apply_profile(std::string_view name, IssuerConfig& issuer);

struct ProfileComplaint {
  std::string setting;  // the key it is about
  std::string what, instead;
  bool fatal = true;
};
// After all settings are read: completes what follows from them (required claims of a tenant) and
// says what the profile does not allow.
[[nodiscard]] std::vector<ProfileComplaint> finish_profile(IssuerConfig& issuer);

}  // namespace keyward::identity
