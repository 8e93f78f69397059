#include "identity/claim_checks.h"

#include "identity/claims.h"
#include "identity/strict_json.h"

#include "keyward/base/hash.h"

#include <boost/json/array.hpp>

#include <algorithm>
#include <utility>

namespace keyward::identity {

namespace {

namespace json = boost::json;
using Complaint = std::optional<Rejected>;

constexpr std::size_t kMaxAudiences = 16;

Complaint check_audience(const json::object& claims, const IssuerConfig& rules) {
  const json::value* const claim = find_claim(claims, rules.audience_claim);
  if (claim == nullptr) return Rejected{"audience", "the token has no audience"};
  const auto ours = [&rules](const json::value& one) {
    return std::find(rules.audiences.begin(), rules.audiences.end(),
                     std::string_view(one.get_string())) != rules.audiences.end();
  };
  if (claim->is_string()) {
    if (ours(*claim)) return std::nullopt;
    return Rejected{"audience", "the token is meant for another audience"};
  }
  const json::array* const list = claim->if_array();
  if (list == nullptr || list->empty() || list->size() > kMaxAudiences ||
      !std::all_of(list->begin(), list->end(), [](const auto& one) { return one.is_string(); })) {
    return Rejected{"audience", "the token's audience is neither a string nor 1 to 16 strings"};
  }
  if (!std::any_of(list->begin(), list->end(), ours)) {
    return Rejected{"audience", "the token is meant for other audiences"};
  }
  if (!rules.allow_extra_audiences && !std::all_of(list->begin(), list->end(), ours)) {
    return Rejected{"audience", "the token has audiences besides the configured ones"};
  }
  return std::nullopt;
}

struct Times {
  std::int64_t expires = 0;
  std::optional<std::int64_t> not_before, issued;
};

Complaint read_times(const json::object& claims, Times& times) {
  const auto read = [&claims](const char* name, std::optional<std::int64_t>& into) {
    const json::value* const claim = claims.if_contains(name);
    if (claim == nullptr) return true;
    into = numeric_date(*claim);
    return into.has_value();
  };
  std::optional<std::int64_t> expires;
  if (!read("exp", expires) || !read("nbf", times.not_before) || !read("iat", times.issued)) {
    return Rejected{"time_claim", "exp, nbf or iat is no date"};
  }
  if (!expires) return Rejected{"time_claim", "the token has no exp"};
  times.expires = *expires;
  return std::nullopt;
}

// In whole seconds: claims reach 2^53, which microseconds cannot hold. Past the lifetime check
// everything is near `now`.
Complaint check_times(const Times& times, const IssuerConfig& rules, WallTime now) {
  const std::int64_t second =
      std::chrono::floor<std::chrono::seconds>(now).time_since_epoch().count();
  if (times.expires + rules.exp_leeway.count() <= second) {
    return Rejected{"expired", "the token has expired"};
  }
  const std::int64_t latest = second + rules.leeway.count();
  if (times.not_before && *times.not_before > latest) {
    return Rejected{"not_yet_valid", "the token's nbf is in the future"};
  }
  if (times.issued && *times.issued > latest) {
    return Rejected{"not_yet_valid", "the token's iat is in the future"};
  }
  // Without iat the time still to go is all that can be judged.
  const std::int64_t lifetime = times.expires - times.issued.value_or(second);
  if (times.issued && lifetime < 0) return Rejected{"time_claim", "exp is before iat"};
  if (lifetime > rules.max_lifetime.count()) {
    return Rejected{"lifetime", "the token lives longer than the issuer's max_lifetime"};
  }
  return std::nullopt;
}

// Tokens of the other kinds, by the marks their issuers leave in them.
Complaint check_kind(const json::object& claims, const IssuerConfig& rules) {
  const Rejected wrong{"token_kind", "the token is of another kind than the issuer's token_kind"};
  const bool access = rules.token_kind == TokenKind::access;
  if (access &&
      (claims.contains("nonce") || claims.contains("at_hash") || claims.contains("c_hash"))) {
    return wrong;  // OpenID Connect Core 2 and 3.3.2.11: only ID tokens have these
  }
  if (claims.contains("events")) return wrong;  // RFC 8417: logout and other event tokens
  if (const auto use = text_claim(claims, "token_use")) {  // Cognito
    if (access ? *use != "access" : rules.token_kind == TokenKind::id && *use != "id") return wrong;
  }
  if (const auto typ = text_claim(claims, "typ")) {  // Keycloak
    if (*typ == "Refresh" || *typ == "Offline" || *typ == "Logout") return wrong;
    if (access && *typ == "ID") return wrong;
    if (rules.token_kind == TokenKind::id && *typ == "Bearer") return wrong;
  }
  return std::nullopt;
}

// The parts of a projected token must tell one story: policies may match any of them.
Complaint check_kubernetes(const json::object& claims) {
  const auto name_space = text_claim(claims, "kubernetes.io.namespace");
  const auto account = text_claim(claims, "kubernetes.io.serviceaccount.name");
  const auto subject = text_claim(claims, "sub");
  if (!name_space || !account || !subject ||
      *subject !=
          "system:serviceaccount:" + std::string(*name_space) + ":" + std::string(*account)) {
    return Rejected{"required_claim", "sub and kubernetes.io do not name one service account"};
  }
  return std::nullopt;
}

Complaint check_profile(const json::object& claims, const IssuerConfig& rules) {
  if (auto wrong = check_kind(claims, rules)) return wrong;
  if (rules.profile == Profile::kubernetes) {
    if (auto wrong = check_kubernetes(claims)) return wrong;
  }
  for (const auto& [path, wanted] : rules.required_claims) {
    if (!claim_equals(claims, path, wanted)) {
      return Rejected{"required_claim", "claim " + path + " is not as required"};
    }
  }
  return std::nullopt;
}

// Entra leaves the groups out when there are many and only says so: absent, not empty.
bool groups_left_out(const json::object& claims, const IssuerConfig& rules) {
  const std::string first = rules.groups_claim.substr(0, rules.groups_claim.find('.'));
  if (const json::value* const names = claims.if_contains("_claim_names")) {
    const json::object* const sources = names->if_object();
    if (sources == nullptr || sources->contains(first) || sources->contains(rules.groups_claim)) {
      return true;
    }
  }
  const json::value* const marker = claims.if_contains("hasgroups");
  return rules.groups_claim == "groups" && marker != nullptr &&
         !(marker->is_bool() && !marker->get_bool());
}

Complaint take_groups(const json::object& claims, const IssuerConfig& rules, Principal& principal) {
  if (rules.groups_claim.empty()) return std::nullopt;
  if (groups_left_out(claims, rules)) {
    return Rejected{"group_overage", "the issuer left the groups out of the token"};
  }
  const json::value* const claim = find_claim(claims, rules.groups_claim);
  if (claim == nullptr) return std::nullopt;
  auto groups = read_groups(*claim);
  if (!groups) return Rejected{"groups", "the groups claim is no list of at most 512 names"};
  principal.groups = std::move(*groups);
  return std::nullopt;
}

Complaint take_names(const json::object& claims, const IssuerConfig& rules, Principal& principal) {
  auto subject = text_claim(claims, rules.principal_claim);
  if (!rules.principal_fallback.empty() && find_claim(claims, rules.principal_claim) == nullptr) {
    subject = text_claim(claims, rules.principal_fallback);
  }
  if (!subject || !is_name(*subject)) {
    return Rejected{"subject", "claim " + rules.principal_claim + " is no name of 1 to 255 bytes"};
  }
  for (const char* name : {"sub", "jti"}) {
    const json::value* const claim = claims.if_contains(name);
    if (claim != nullptr &&
        (!claim->is_string() || !is_name(std::string_view(claim->get_string())))) {
      return Rejected{"subject", std::string("claim ") + name + " is no name of 1 to 255 bytes"};
    }
  }
  principal.subject = *subject;
  principal.issuer_alias = rules.alias;
  principal.issuer = rules.issuer;
  principal.id = rules.alias + ":" + principal.subject;
  principal.token_id = text_claim(claims, "jti").value_or("");
  if (!rules.label_claim.empty()) {
    const auto label = text_claim(claims, rules.label_claim);
    if (label && is_name(*label)) principal.label = *label;
  }
  principal.auth_protocol = rules.token_kind == TokenKind::access ? "OAUTH 2.0" : "OpenID";
  return std::nullopt;
}

// What the caller may have chosen itself must decide nothing: tags of GetWebIdentityToken's caller,
// and an address that Google did not verify.
void drop_self_chosen(json::object& claims, const IssuerConfig& rules) {
  if (rules.profile == Profile::google) {
    const json::value* const verified = claims.if_contains("email_verified");
    if (verified == nullptr || !verified->is_bool() || !verified->get_bool()) claims.erase("email");
  }
  if (json::value* const aws = claims.if_contains("https://sts.amazonaws.com/")) {
    if (json::object* const fields = aws->if_object()) fields->erase("request_tags");
  }
}

// A bound token is never a bearer token. Only a client certificate can be proven over Redis's
// protocol (RFC 8705 section 3.1), not the possession of another key (RFC 9449).
Complaint take_binding(const json::object& claims, Principal& principal) {
  const json::value* const claim = claims.if_contains("cnf");
  if (claim == nullptr) return std::nullopt;
  const json::object* const binding = claim->if_object();
  if (binding != nullptr && binding->size() == 1) {
    const auto digest = base64url_decode(string_member(*binding, "x5t#S256"));
    if (digest && digest->size() == Digest{}.size()) {
      principal.bound_to = hex(*digest);
      return std::nullopt;
    }
  }
  return Rejected{"bound_token", "the token is bound to a key that the connection cannot prove"};
}

WallTime wall(std::int64_t second) { return WallTime(std::chrono::seconds(second)); }

}  // namespace

std::variant<Accepted, Rejected> judge_claims(json::object claims, std::string_view token,
                                              const IssuerConfig& rules, WallTime now) {
  Times times;
  Accepted accepted;
  Principal& principal = accepted.principal;
  drop_self_chosen(claims, rules);
  // Step 7.
  if (auto complaint = check_audience(claims, rules)) return std::move(*complaint);
  if (auto complaint = read_times(claims, times)) return std::move(*complaint);
  if (auto complaint = check_times(times, rules, now)) return std::move(*complaint);
  if (auto complaint = take_names(claims, rules, principal)) return std::move(*complaint);
  // Step 8.
  if (auto complaint = check_profile(claims, rules)) return std::move(*complaint);
  if (auto complaint = take_groups(claims, rules, principal)) return std::move(*complaint);
  // Step 9.
  if (auto complaint = take_binding(claims, principal)) return std::move(*complaint);
  principal.evidence = evidence_of(sha256(token));
  if (times.issued) principal.issued_at = wall(*times.issued);
  accepted.valid_until = wall(times.expires) + rules.exp_leeway;
  accepted.valid_from =
      wall(std::max(times.not_before.value_or(0), times.issued.value_or(0))) - rules.leeway;
  principal.expires_at = std::min(accepted.valid_until, now + rules.max_session);
  principal.claims = std::move(claims);
  return accepted;
}

}  // namespace keyward::identity
