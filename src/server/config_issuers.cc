#include "server/config_sections.h"
#include "server/config_ways_in.h"

#include "keyward/base/log.h"

#include <algorithm>
#include <map>
#include <set>

namespace keyward::server {
namespace {

using namespace std::chrono_literals;

const std::vector<std::string> kAlgorithms = {"RS256", "RS384", "RS512", "PS256", "PS384",  "PS512",
                                              "ES256", "ES384", "ES512", "EdDSA", "Ed25519"};

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
  if (!out.jwks_uri.empty() && !is_https(out.jwks_uri)) {
    uri.error("keys are fetched over HTTPS only", "https://...");
  }
  const bool discovery = !file.present() && !uri.present() && !out.introspection.only;
  if (discovery && !out.issuer.empty() && !is_https(out.issuer)) {
    node.get("issuer").error("discovery needs an https:// issuer",
                             "https://..., or jwks_file: keys.json");
  }
  if (const yaml::Node hosts = node.get("key_hosts"); hosts.present()) {
    out.key_hosts = hosts.texts();
    for (const std::string& host : out.key_hosts) {
      if (host.find_first_of("/:@?# ") != std::string::npos) {
        hosts.error("a key host is a name without scheme and port", "keys.example.com");
      }
    }
  }
}

void read_claims(const yaml::Node& node, identity::IssuerConfig& out) {
  read_text(node.get("audience_claim"), out.audience_claim);
  read_text(node.get("principal_claim"), out.principal_claim);
  read_text(node.get("principal_fallback"), out.principal_fallback);
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
    if (out.required_claims.size() > 64) {
      required.error("more than 64 required claims", "fewer claims");
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

void read_token_settings(const yaml::Node& node, const Folder& folder,
                         identity::IssuerConfig& out) {
  read_audiences(node.need("audiences"), out.audiences);
  read_algorithms(node.get("algorithms"), out.algorithms);
  read_elsewhere(node, folder, out);
  read_keys(node, folder, out);
  read_claims(node, out);
  read_bool(node.get("allow_extra_audiences"), out.allow_extra_audiences);
  read_duration(node.get("leeway"), 0s, 5min, out.leeway);
  read_duration(node.get("exp_leeway"), 0s, 60s, out.exp_leeway);
  read_duration(node.get("max_lifetime"), 1min, 31 * 24h, out.max_lifetime);
  read_duration(node.get("refresh"), 5min, 24h, out.refresh);
  read_duration(node.get("max_stale"), 5min, 30 * 24h, out.max_stale);
  refuse_other_ways(node, out.profile);
}

identity::IssuerConfig read_issuer(const yaml::Node& node, const Folder& folder) {
  node.only(issuer_settings());
  identity::IssuerConfig out;
  read_name(node.need("alias"), out.alias);
  std::string profile;
  read_choice(node.get("profile"), identity::profile_names(), profile);
  identity::apply_profile(profile, out);
  read_token_kind(node.get("token_kind"), out.token_kind);
  if (out.profile == identity::Profile::mtls) {
    misplaced(node, {"issuer"}, "leave it out");
  } else {
    read_text(out.issuer.empty() ? node.need("issuer") : node.get("issuer"), out.issuer);
  }
  read_file_path(node.get("ca"), folder, out.ca_file);
  read_bool(node.get("internal"), out.internal);
  read_duration(node.get("max_session"), 1min, 31 * 24h, out.max_session);
  if (out.profile == identity::Profile::aws_iam) {
    read_aws(node, out);
  } else if (out.profile == identity::Profile::mtls) {
    read_certificates(node, out);
  } else {
    read_token_settings(node, folder, out);
  }
  for (const auto& wrong : identity::finish_profile(out)) {
    const yaml::Node setting = node.get(wrong.setting);
    const yaml::Node& place = setting.present() ? setting : node;
    wrong.fatal ? place.error(wrong.what, wrong.instead) : place.warning(wrong.what, wrong.instead);
  }
  return out;
}

// Opaque tokens and presigned requests do not name their issuer.
void one_of_each(const yaml::Node& node, const identity::IssuerConfig& issuer,
                 const Config& config) {
  for (const identity::IssuerConfig& other : config.issuers) {
    if (issuer.profile == identity::Profile::aws_iam && other.profile == issuer.profile) {
      node.get("profile").error("a presigned request could belong to two entries",
                                "one entry with all accounts and regions");
    }
    if (!issuer.introspection.url.empty() && !other.introspection.url.empty()) {
      node.get("introspection")
          .error("an opaque token could belong to two issuers", "introspection in one entry only");
    }
  }
}

// The listeners' client_identity against the entries that say what certificates mean.
void check_client_identities(const yaml::Node& root, const Config& config) {
  const auto nodes = root.get("listeners").list();
  for (std::size_t at = 0; at < config.listeners.size() && at < nodes.size(); ++at) {
    const std::string& alias = config.listeners[at].client_identity;
    if (alias.empty()) continue;
    const bool known = std::any_of(
        config.issuers.begin(), config.issuers.end(), [&](const identity::IssuerConfig& issuer) {
          return issuer.alias == alias && issuer.profile == identity::Profile::mtls;
        });
    if (!known) {
      nodes[at]
          .get("client_identity")
          .error("no issuer of profile mtls has the alias " + log::printable(alias),
                 "- {alias: " + log::printable(alias) +
                     ", profile: mtls, trust_domains: [...]} under issuers");
    }
  }
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
    one_of_each(node, issuer, config);
    if (!issuer.issuer.empty()) {
      const auto [place, fresh] = alias_of.emplace(issuer.issuer, issuer.alias);
      if (!fresh) {
        node.get("issuer").error("this issuer stands already under the alias " + place->second,
                                 "one entry with all its audiences");
      }
    }
    config.issuers.push_back(std::move(issuer));
  }
  check_client_identities(root, config);
}

}  // namespace keyward::server
