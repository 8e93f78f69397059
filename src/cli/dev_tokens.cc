#include "cli/dev_tokens.h"

#include "keyward/policy/glob.h"

#include <boost/json/array.hpp>
#include <boost/json/string.hpp>

#include <algorithm>
#include <set>

namespace keyward::cli {
namespace {

constexpr std::string_view kServiceAccount = "system:serviceaccount:";

std::string with_stars_filled(std::string text) {
  for (std::size_t at = text.find('*'); at != text.npos; at = text.find('*', at + 3)) {
    text.replace(at, 1, "dev");
  }
  return text;
}

// The claims that a Kubernetes token carries beside its subject.
void add_kubernetes_claims(TokenRequest& request) {
  if (!request.subject.starts_with(kServiceAccount)) return;
  const std::string rest = request.subject.substr(kServiceAccount.size());
  const std::size_t colon = rest.find(':');
  if (colon == rest.npos) return;
  set_claim(request.claims, "kubernetes.io",
            boost::json::object{
                {"namespace", rest.substr(0, colon)},
                {"serviceaccount", boost::json::object{{"name", rest.substr(colon + 1)}}}});
}

bool claims_fit(const policy::Who& who, const boost::json::object& claims) {
  return std::all_of(who.claims.begin(), who.claims.end(), [&](const auto& wanted) {
    boost::json::object with = claims;
    set_claim(with, wanted.first, boost::json::string(wanted.second));
    return with == claims;
  });
}

bool fits(const policy::Who& who, const TokenRequest& request) {
  const bool glob = who.subject.find('*') != who.subject.npos;
  const bool subject =
      who.subject.empty() ||
      (glob ? policy::glob_match(who.subject, request.subject) : who.subject == request.subject);
  const bool group =
      who.groups.empty() ||
      std::find_first_of(who.groups.begin(), who.groups.end(), request.groups.begin(),
                         request.groups.end()) != who.groups.end();
  return subject && group && claims_fit(who, request.claims);
}

}  // namespace

std::string dev_issuer(std::string_view alias) {
  return "https://" + std::string(alias) + ".dev.keyward.test";
}

void set_claim(boost::json::object& object, std::string_view path, boost::json::value value) {
  const bool one_name = path.find('/') != path.npos || path == "kubernetes.io";
  const std::size_t dot = one_name ? path.npos : path.find('.');
  if (dot == path.npos) {
    object[path] = std::move(value);
    return;
  }
  boost::json::value& inner = object[path.substr(0, dot)];
  if (!inner.is_object()) inner = boost::json::object{};
  set_claim(inner.as_object(), path.substr(dot + 1), std::move(value));
}

boost::json::object token_claims(const TokenRequest& request, WallTime now,
                                 std::string_view token_id) {
  using std::chrono::floor, std::chrono::seconds;
  const std::int64_t issued = floor<seconds>(now).time_since_epoch().count();
  boost::json::object out = request.claims;
  out["iss"] = dev_issuer(request.alias);
  out["sub"] = request.subject;
  out["aud"] = kDevAudience;
  out["iat"] = issued;
  out["nbf"] = issued;
  out["exp"] = issued + request.ttl.count();
  out["jti"] = token_id;
  if (!request.groups.empty()) {
    boost::json::array groups;
    for (const std::string& group : request.groups) groups.emplace_back(group);
    out["groups"] = std::move(groups);
  }
  return out;
}

TokenRequest request_for(const policy::GrantInfo& grant, const policy::Who& who) {
  TokenRequest out;
  out.alias = who.issuer;
  out.subject = who.subject.empty() ? token_file_name(grant.name) : with_stars_filled(who.subject);
  if (!who.groups.empty()) out.groups = {who.groups.front()};
  for (const auto& [path, value] : who.claims) {
    set_claim(out.claims, path, boost::json::string(value));
  }
  add_kubernetes_claims(out);
  return out;
}

std::vector<std::string> issuer_aliases(const policy::Snapshot& snapshot) {
  std::set<std::string> out{kDevAlias};
  for (const auto& grant : snapshot.grants()) {
    for (const auto& who : grant.who) out.insert(who.issuer);
  }
  return {out.begin(), out.end()};
}

std::string alias_for(const policy::Snapshot& snapshot, const TokenRequest& request) {
  for (const auto& grant : snapshot.grants()) {
    for (const auto& who : grant.who) {
      if (fits(who, request)) return who.issuer;
    }
  }
  return kDevAlias;
}

std::string token_file_name(std::string_view grant) {
  std::string out(grant);
  for (char& c : out) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '_' || c == '.' || c == '-';
    if (!plain) c = '_';
  }
  return out;
}

}  // namespace keyward::cli
