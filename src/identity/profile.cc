// What is known about the tokens of well-known issuers. Sources: their own documentation of claims
// and keys, named in docs/identity.md.
#include "keyward/identity/issuer_config.h"

#include <algorithm>
#include <array>

namespace keyward::identity {

namespace {

using std::chrono::hours;
using Complaints = std::vector<ProfileComplaint>;

bool requires_one_of(const IssuerConfig& issuer, const std::vector<std::string>& claims) {
  return std::any_of(issuer.required_claims.begin(), issuer.required_claims.end(),
                     [&](const auto& one) {
                       return std::find(claims.begin(), claims.end(), one.first) != claims.end();
                     });
}

// The operator's own value for the claim stays, whatever follows from the profile.
void require_claim(IssuerConfig& issuer, const std::string& claim, const std::string& value) {
  if (!requires_one_of(issuer, {claim})) issuer.required_claims.emplace_back(claim, value);
}

bool is_guid(std::string_view text) {
  if (text.size() != 36) return false;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const char c = text[at];
    const bool dash = at == 8 || at == 13 || at == 18 || at == 23;
    const bool digit = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
    if (dash ? c != '-' : !digit) return false;
  }
  return true;
}

// What stands between the two, or nothing.
std::string_view between(std::string_view text, std::string_view before, std::string_view after) {
  if (!text.starts_with(before) || !text.ends_with(after) ||
      text.size() < before.size() + after.size()) {
    return {};
  }
  return text.substr(before.size(), text.size() - before.size() - after.size());
}

void okta(IssuerConfig& out) {
  out.algorithms = {"RS256"};
  out.principal_claim = "uid";  // people; sub is their login, which can be given to another one
  out.principal_fallback = "cid";
  out.user_claims = {"sub", "uid", "cid"};
  out.label_claim = "sub";
}

void finish_okta(IssuerConfig& issuer, Complaints& wrong) {
  if (issuer.issuer.find("/oauth2/") == std::string::npos) {
    wrong.push_back({"issuer", "tokens of Okta's organization server cannot be checked by others",
                     "the issuer of a custom authorization server: https://.../oauth2/default"});
  }
}

void entra(IssuerConfig& out) {
  out.algorithms = {"RS256"};
  out.principal_claim = "oid";
  out.groups_claim = "roles";
  out.user_claims = {"oid", "azp", "appid"};
  out.label_claim = "preferred_username";
  // Documents of sts.windows.net name keys there.
  out.key_hosts = {"login.microsoftonline.com"};
}

void finish_entra(IssuerConfig& issuer, Complaints& wrong) {
  const std::string_view second =
      between(issuer.issuer, "https://login.microsoftonline.com/", "/v2.0");
  const std::string_view first = between(issuer.issuer, "https://sts.windows.net/", "/");
  const std::string tenant(second.empty() ? first : second);
  if (!is_guid(tenant)) {
    wrong.push_back({"issuer", "the issuer names no single Entra tenant",
                     "https://login.microsoftonline.com/<tenant id>/v2.0, or "
                     "https://sts.windows.net/<tenant id>/ for v1 tokens"});
    return;
  }
  require_claim(issuer, "tid", tenant);
  require_claim(issuer, "ver", second.empty() ? "1.0" : "2.0");
}

void auth0(IssuerConfig& out) {
  out.algorithms = {"RS256"};
  out.groups_claim = "permissions";
  out.user_claims = {"sub", "azp"};
}

void finish_auth0(IssuerConfig& issuer, Complaints& wrong) {
  if (!issuer.issuer.ends_with('/')) {
    wrong.push_back({"issuer", "the issuer of Auth0's tokens ends with a slash",
                     "https://<tenant>.auth0.com/"});
  }
}

void google(IssuerConfig& out) {
  out.issuer = "https://accounts.google.com";
  out.algorithms = {"RS256"};
  out.key_hosts = {"www.googleapis.com"};
  out.token_kind = TokenKind::id;
  out.groups_claim.clear();
  out.label_claim = "email";
  out.user_claims = {"sub", "email"};
}

void finish_google(IssuerConfig& issuer, Complaints& wrong) {
  if (!requires_one_of(issuer, {"hd", "sub", "email"})) {
    wrong.push_back({"required_claims",
                     "anybody with a Google account can get a token for any audience: every grant "
                     "must name its subjects",
                     "required_claims: {hd: example.com}", false});
  }
}

void keycloak(IssuerConfig& out) {
  out.groups_claim = "realm_access.roles";
  out.user_claims = {"sub", "azp", "client_id"};
  out.label_claim = "preferred_username";
}

void finish_keycloak(IssuerConfig& issuer, Complaints& wrong) {
  if (issuer.issuer.find("/realms/") == std::string::npos) {
    wrong.push_back({"issuer", "the issuer of Keycloak's tokens names the realm",
                     "https://<host>/realms/<realm>"});
  }
  if (std::find(issuer.audiences.begin(), issuer.audiences.end(), "account") !=
      issuer.audiences.end()) {
    wrong.push_back({"audiences", "every token of the realm is meant for account",
                     "an audience of your own, by an audience mapper in the client scope"});
  }
}

void cognito(IssuerConfig& out) {
  out.algorithms = {"RS256"};
  out.groups_claim = "cognito:groups";
  out.user_claims = {"sub", "username", "client_id"};
  out.label_claim = "username";
}

void finish_cognito(IssuerConfig& issuer, Complaints&) {
  const bool access = issuer.token_kind == TokenKind::access;
  // Its access tokens have no aud.
  if (access && issuer.audience_claim == "aud") issuer.audience_claim = "client_id";
  require_claim(issuer, "token_use", access ? "access" : "id");
}

void kubernetes(IssuerConfig& out) {
  out.algorithms = {"RS256", "ES256"};
  out.token_kind = TokenKind::workload;
  out.groups_claim.clear();
  out.label_claim = "kubernetes.io.pod.name";
}

void finish_kubernetes(IssuerConfig& issuer, Complaints& wrong) {
  if (issuer.issuer == "kubernetes/serviceaccount") {
    wrong.push_back({"issuer", "legacy service account tokens neither end nor have an audience",
                     "the issuer of projected tokens, as --service-account-issuer says"});
  }
  for (const std::string& audience : issuer.audiences) {
    if (audience == issuer.issuer || audience.starts_with("https://kubernetes.default.svc")) {
      wrong.push_back({"audiences", "tokens for the API server would log in here",
                       "an audience of your own in the projected volume, for example keyward"});
    }
  }
}

void github_actions(IssuerConfig& out) {
  out.issuer = "https://token.actions.githubusercontent.com";
  out.algorithms = {"RS256"};
  out.token_kind = TokenKind::workload;
  out.principal_claim = "repository_id";  // names can be taken over, ids cannot
  out.groups_claim.clear();
  out.user_claims = {"repository_id"};
  out.label_claim = "sub";
}

void finish_github_actions(IssuerConfig& issuer, Complaints& wrong) {
  if (!requires_one_of(issuer, {"repository_owner_id", "repository_id", "enterprise_id"})) {
    wrong.push_back({"required_claims", "any repository on GitHub could log in",
                     "required_claims: {repository_owner_id: \"<number>\"}"});
  }
  for (const std::string& audience : issuer.audiences) {
    if (audience.starts_with("https://github.com/")) {
      wrong.push_back({"audiences", "this is the default audience, which other services accept too",
                       "an audience of your own, for example keyward"});
    }
  }
}

void aws_outbound(IssuerConfig& out) {
  out.algorithms = {"RS256", "ES384"};
  out.token_kind = TokenKind::workload;
  out.groups_claim.clear();
  out.max_lifetime = hours(1);
}

void finish_aws_outbound(IssuerConfig& issuer, Complaints& wrong) {
  if (!requires_one_of(issuer, {"https://sts.amazonaws.com/.aws_account",
                                "https://sts.amazonaws.com/.org_id"})) {
    wrong.push_back(
        {"required_claims", "the AWS account or organization is not pinned",
         "required_claims: {\"https://sts.amazonaws.com/.aws_account\": \"<12 digits>\"}"});
  }
}

void aws_iam(IssuerConfig& out) {
  out.issuer = "sts.amazonaws.com";
  out.token_kind = TokenKind::workload;
  out.groups_claim.clear();
  out.user_claims = {"arn"};
  out.max_session = hours(1);
}

void mtls(IssuerConfig& out) {
  out.token_kind = TokenKind::workload;
  out.groups_claim.clear();
  out.user_claims.clear();
}

struct Entry {
  std::string_view name;
  Profile profile;
  void (*apply)(IssuerConfig&);
  void (*finish)(IssuerConfig&, Complaints&);
};
constexpr std::array<Entry, 11> kProfiles{{
    {"okta", Profile::okta, okta, finish_okta},
    {"entra", Profile::entra, entra, finish_entra},
    {"auth0", Profile::auth0, auth0, finish_auth0},
    {"google", Profile::google, google, finish_google},
    {"keycloak", Profile::keycloak, keycloak, finish_keycloak},
    {"cognito", Profile::cognito, cognito, finish_cognito},
    {"kubernetes", Profile::kubernetes, kubernetes, finish_kubernetes},
    {"github-actions", Profile::github_actions, github_actions, finish_github_actions},
    {"aws-outbound", Profile::aws_outbound, aws_outbound, finish_aws_outbound},
    {"aws-iam", Profile::aws_iam, aws_iam, nullptr},
    {"mtls", Profile::mtls, mtls, nullptr},
}};

}  // namespace

const std::vector<std::string>& profile_names() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> all;
    for (const Entry& entry : kProfiles) all.emplace_back(entry.name);
    return all;
  }();
  return names;
}

void apply_profile(std::string_view name, IssuerConfig& issuer) {
  for (const Entry& entry : kProfiles) {
    if (entry.name != name) continue;
    issuer.profile = entry.profile;
    entry.apply(issuer);
  }
}

std::vector<ProfileComplaint> finish_profile(IssuerConfig& issuer) {
  Complaints wrong;
  for (const Entry& entry : kProfiles) {
    if (entry.profile == issuer.profile && entry.finish != nullptr) entry.finish(issuer, wrong);
  }
  return wrong;
}

}  // namespace keyward::identity
