#include "keyward/identity/issuer_config.h"

#include "identity/jose.h"

#include "keyward/base/ascii.h"

#include <boost/url/parse.hpp>
#include <boost/url/url_view.hpp>

#include <algorithm>
#include <set>

namespace keyward::identity {

namespace {

using std::chrono::seconds;

bool is_https(const std::string& text) {
  const auto url = boost::urls::parse_uri(text);
  return url.has_value() && url->scheme() == "https" && !url->host().empty() &&
         !url->has_userinfo() && !url->has_fragment();
}

bool is_alias(const std::string& text) {
  return !text.empty() && text.size() <= 64 && std::all_of(text.begin(), text.end(), is_plain);
}

void check_times(const IssuerConfig& issuer, std::vector<std::string>& wrong) {
  const std::string name = "issuer " + issuer.alias + ": ";
  if (issuer.leeway < seconds(0) || issuer.leeway > seconds(300)) {
    wrong.push_back(name + "leeway must be between 0 and 5 minutes");
  }
  if (issuer.exp_leeway < seconds(0) || issuer.exp_leeway > seconds(60)) {
    wrong.push_back(name + "exp_leeway must be between 0 and 60 seconds");
  }
  if (issuer.max_lifetime <= seconds(0) || issuer.max_session <= seconds(0) ||
      issuer.refresh <= seconds(0) || issuer.max_stale <= seconds(0)) {
    wrong.push_back(name + "max_lifetime, max_session, refresh and max_stale must be above 0");
  }
}

void check_keys(const IssuerConfig& issuer, std::vector<std::string>& wrong) {
  const std::string name = "issuer " + issuer.alias + ": ";
  for (const std::string& algorithm : issuer.algorithms) {
    if (find_algorithm(algorithm) == nullptr) {
      wrong.push_back(name + "algorithm " + algorithm +
                      " is never allowed; use RS256 RS384 RS512 PS256 PS384 PS512 ES256 ES384 "
                      "ES512 EdDSA Ed25519");
    }
  }
  if (issuer.algorithms.empty()) wrong.push_back(name + "algorithms must name at least one");
  if (!issuer.jwks_file.empty() && !issuer.jwks_uri.empty()) {
    wrong.push_back(name + "jwks_file and jwks_uri exclude each other");
  }
  if (!issuer.jwks_uri.empty() && !is_https(issuer.jwks_uri)) {
    wrong.push_back(name + "jwks_uri must be an https:// URL");
  }
  if (issuer.jwks_file.empty() && issuer.jwks_uri.empty() && !is_https(issuer.issuer)) {
    wrong.push_back(name +
                    "discovery needs an https:// issuer; otherwise set jwks_file or jwks_uri");
  }
}

}  // namespace

std::vector<std::string> check_issuers(const std::vector<IssuerConfig>& issuers) {
  std::vector<std::string> wrong;
  std::set<std::string> aliases, names;
  for (const IssuerConfig& issuer : issuers) {
    const std::string name = "issuer " + issuer.alias + ": ";
    if (!is_alias(issuer.alias)) {
      wrong.push_back(name + "alias must be 1 to 64 letters, digits, '_', '-' or '.'");
    }
    if (!aliases.insert(issuer.alias).second) wrong.push_back(name + "the alias is used twice");
    if (issuer.issuer.empty() && issuer.profile != Profile::mtls)
      wrong.push_back(name + "issuer must not be empty");
    if (!names.insert(issuer.issuer).second && issuer.profile != Profile::mtls) {
      wrong.push_back(name + "another entry has the same issuer; tokens could not be told apart");
    }
    check_times(issuer, wrong);
    if (issuer.profile == Profile::aws_iam || issuer.profile == Profile::mtls) continue;
    if (issuer.audiences.empty() ||
        std::count(issuer.audiences.begin(), issuer.audiences.end(), "") > 0) {
      wrong.push_back(name + "audiences must name at least one audience, none of them empty");
    }
    if (issuer.principal_claim.empty()) wrong.push_back(name + "principal_claim must not be empty");
    if (issuer.has_keys()) check_keys(issuer, wrong);
  }
  return wrong;
}

}  // namespace keyward::identity
