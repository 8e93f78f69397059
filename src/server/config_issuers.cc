#include "server/config_sections.h"

#include "keyward/base/log.h"

#include <algorithm>
#include <map>
#include <set>

namespace keyward::server {
namespace {

using namespace std::chrono_literals;

const std::vector<std::string> kAlgorithms = {"RS256", "RS384", "RS512", "PS256", "PS384",
                                              "PS512", "ES256", "ES384", "ES512"};

void read_algorithms(const yaml::Node& node, std::vector<std::string>& out) {
  if (!node.present()) return;
  std::vector<std::string> chosen;
  for (const yaml::Node& item : node.list()) {
    std::string name;
    if (const auto text = item.text(); text && text->starts_with("HS")) {
      item.error("HS algorithms would make every verifier able to sign", "RS256 or ES256");
      continue;
    }
    read_choice(item, kAlgorithms, name);
    if (!name.empty()) chosen.push_back(std::move(name));
  }
  if (node.list().empty()) node.error("the list is empty", "[RS256, ES256]");
  out = std::move(chosen);
}

// A token made for AWS's own services must not log in here (identity of one service as another).
bool foreign_audience(const std::string& audience) {
  return audience == "sts.amazonaws.com" || audience == "pods.eks.amazonaws.com";
}

void read_audiences(const yaml::Node& node, std::vector<std::string>& out) {
  if (!node.present()) return;
  for (const yaml::Node& item : node.list()) {
    std::string audience;
    read_text(item, audience);
    if (foreign_audience(audience)) {
      item.error("tokens for " + audience + " are meant for AWS itself",
                 "an audience of your own, for example keyward");
    } else if (!audience.empty()) {
      out.push_back(std::move(audience));
    }
  }
  if (node.list().empty()) node.error("the list is empty", "[keyward]");
}

// Where the keys come from: a file, a URL, or discovery below the issuer.
void read_keys(const yaml::Node& node, const Folder& folder, identity::IssuerConfig& out) {
  const yaml::Node file = node.get("jwks_file");
  const yaml::Node uri = node.get("jwks_uri");
  read_file_path(file, folder, out.jwks_file);
  read_text(uri, out.jwks_uri);
  if (file.present() && uri.present()) {
    uri.error("the keys come from two places", "either jwks_file or jwks_uri");
  }
  if (!out.jwks_uri.empty() && !out.jwks_uri.starts_with("https://")) {
    uri.error("keys are fetched over HTTPS only", "https://...");
  }
  const bool discovery = !file.present() && !uri.present();
  if (discovery && !out.issuer.empty() && !out.issuer.starts_with("https://")) {
    node.get("issuer").error("discovery needs an https:// issuer",
                             "https://..., or jwks_file: keys.json");
  }
  read_file_path(node.get("ca"), folder, out.ca_file);
  read_bool(node.get("internal"), out.internal);
}

void read_claims(const yaml::Node& node, identity::IssuerConfig& out) {
  read_text(node.get("audience_claim"), out.audience_claim);
  read_text(node.get("principal_claim"), out.principal_claim);
  read_text(node.get("groups_claim"), out.groups_claim);
  read_text(node.get("label_claim"), out.label_claim);
  if (const yaml::Node claims = node.get("user_claims"); claims.present()) {
    out.user_claims = claims.texts();
  }
  if (const yaml::Node required = node.get("required_claims"); required.present()) {
    if (!required.is_map()) {
      required.error("this is a map of claims to exact values", "{tid: \"1234\"}");
      return;
    }
    for (const auto& [claim, value] : required.entries()) {
      std::string text;
      read_text(value, text);
      if (!text.empty()) out.required_claims.emplace_back(claim, std::move(text));
    }
  }
}

void read_token_kind(const yaml::Node& node, identity::TokenKind& out) {
  std::string kind;
  read_choice(node, {"access", "id", "workload"}, kind);
  if (kind == "access") out = identity::TokenKind::access;
  if (kind == "id") out = identity::TokenKind::id;
  if (kind == "workload") out = identity::TokenKind::workload;
}

identity::IssuerConfig read_issuer(const yaml::Node& node, const Folder& folder) {
  node.only({"alias",
             "issuer",
             "audiences",
             "algorithms",
             "jwks_file",
             "jwks_uri",
             "ca",
             "internal",
             "audience_claim",
             "principal_claim",
             "groups_claim",
             "label_claim",
             "token_kind",
             "allow_extra_audiences",
             "leeway",
             "exp_leeway",
             "max_lifetime",
             "max_session",
             "refresh",
             "max_stale",
             "user_claims",
             "required_claims"});
  identity::IssuerConfig out;
  read_name(node.need("alias"), out.alias);
  read_text(node.need("issuer"), out.issuer);
  read_audiences(node.need("audiences"), out.audiences);
  read_algorithms(node.get("algorithms"), out.algorithms);
  read_keys(node, folder, out);
  read_claims(node, out);
  read_token_kind(node.get("token_kind"), out.token_kind);
  read_bool(node.get("allow_extra_audiences"), out.allow_extra_audiences);
  read_duration(node.get("leeway"), 0s, 5min, out.leeway);
  read_duration(node.get("exp_leeway"), 0s, 60s, out.exp_leeway);
  read_duration(node.get("max_lifetime"), 1min, 31 * 24h, out.max_lifetime);
  read_duration(node.get("max_session"), 1min, 31 * 24h, out.max_session);
  read_duration(node.get("refresh"), 5min, 24h, out.refresh);
  read_duration(node.get("max_stale"), 5min, 30 * 24h, out.max_stale);
  return out;
}

}  // namespace

void read_issuers(const yaml::Node& root, const Folder& folder, Config& config) {
  const yaml::Node issuers = root.need("issuers");
  if (!issuers.present()) return;
  if (!issuers.is_list()) {
    issuers.error("issuers is a list",
                  "- {alias: okta, issuer: https://..., audiences: [keyward]}");
    return;
  }
  if (issuers.list().empty()) {
    issuers.error("nobody could log in without an issuer",
                  "- {alias: okta, issuer: https://..., audiences: [keyward]}");
  }
  std::set<std::string> aliases;
  std::map<std::string, std::string>
      alias_of;  // by exact iss: a token must point at one issuer only
  for (const yaml::Node& node : issuers.list()) {
    if (!node.is_map()) {
      node.error("an issuer is a map", "{alias: okta, issuer: https://..., audiences: [keyward]}");
      continue;
    }
    identity::IssuerConfig issuer = read_issuer(node, folder);
    if (!issuer.alias.empty() && !aliases.insert(issuer.alias).second) {
      node.get("alias").error("the alias " + issuer.alias + " is used twice", "another alias");
    }
    if (!issuer.issuer.empty()) {
      const auto [place, fresh] = alias_of.emplace(issuer.issuer, issuer.alias);
      if (!fresh) {
        node.get("issuer").error("this issuer stands already under the alias " + place->second,
                                 "one entry with all its audiences");
      }
    }
    config.issuers.push_back(std::move(issuer));
  }
}

}  // namespace keyward::server
