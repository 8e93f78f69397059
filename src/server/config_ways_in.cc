#include "server/config_ways_in.h"

#include "keyward/base/secret_source.h"

#include <algorithm>

namespace keyward::server {
namespace {

using namespace std::chrono_literals;

const std::vector<std::string> kOfAll = {"alias", "profile",  "issuer",
                                         "ca",    "internal", "max_session"};
const std::vector<std::string> kOfTokens = {"audiences",
                                            "algorithms",
                                            "jwks_file",
                                            "jwks_uri",
                                            "key_hosts",
                                            "bearer_file",
                                            "audience_claim",
                                            "principal_claim",
                                            "principal_fallback",
                                            "groups_claim",
                                            "label_claim",
                                            "token_kind",
                                            "allow_extra_audiences",
                                            "leeway",
                                            "exp_leeway",
                                            "max_lifetime",
                                            "refresh",
                                            "max_stale",
                                            "user_claims",
                                            "required_claims",
                                            "introspection",
                                            "token_review"};
const std::vector<std::string> kOfAws = {"accounts", "regions", "fips", "endpoint", "reuse"};
const std::vector<std::string> kOfCertificates = {"san", "trust_domains"};

// A client secret by reference: read anew for each question, so that it may rotate.
void read_client_secret(const yaml::Node& node, const Folder& folder,
                        identity::IntrospectionConfig& out) {
  const yaml::Node file = node.get("client_secret_file");
  const yaml::Node environment = node.get("client_secret_env");
  if (file.present() == environment.present()) {
    node.error("the client secret has no source, or two",
               "client_secret_file: PATH or client_secret_env: NAME");
    return;
  }
  std::string name;
  if (file.present()) {
    read_file_path(file, folder, name);
    out.client_secret = [name] { return secret_from_file(name); };
  } else {
    read_text(environment, name);
    out.client_secret = [name] { return secret_from_environment(name); };
  }
}

bool all_digits(const std::string& text, std::size_t count) {
  return text.size() == count && text.find_first_not_of("0123456789") == std::string::npos;
}

}  // namespace

std::vector<std::string> issuer_settings() {
  std::vector<std::string> all = kOfAll;
  for (const auto* more : {&kOfTokens, &kOfAws, &kOfCertificates})
    all.insert(all.end(), more->begin(), more->end());
  return all;
}

void misplaced(const yaml::Node& node, const std::vector<std::string>& settings,
               const std::string& instead) {
  for (const std::string& setting : settings) {
    const yaml::Node found = node.get(setting);
    if (found.present()) found.error(setting + " has no meaning here", instead);
  }
}

void refuse_other_ways(const yaml::Node& node, identity::Profile profile) {
  using identity::Profile;
  if (profile != Profile::aws_iam) misplaced(node, kOfAws, "profile: aws-iam beside it");
  if (profile != Profile::mtls) misplaced(node, kOfCertificates, "profile: mtls beside it");
  if (profile != Profile::aws_iam && profile != Profile::mtls) return;
  std::vector<std::string> others = kOfTokens;
  if (profile == Profile::aws_iam) std::erase(others, "audiences");  // the one name that is signed
  misplaced(node, others, "leave it out: this is about signed tokens");
}

// Who else is asked about a token.
void read_elsewhere(const yaml::Node& node, const Folder& folder, identity::IssuerConfig& out) {
  read_file_path(node.get("bearer_file"), folder, out.bearer_file);
  if (const yaml::Node asked = node.get("introspection"); asked.present()) {
    asked.only({"url", "client_id", "client_secret_file", "client_secret_env", "only", "cache"});
    identity::IntrospectionConfig& to = out.introspection;
    read_text(asked.need("url"), to.url);
    read_text(asked.need("client_id"), to.client_id);
    read_client_secret(asked, folder, to);
    read_bool(asked.get("only"), to.only);
    read_duration(asked.get("cache"), 1s, 60s, to.cache);
    if (!to.url.empty() && !is_https(to.url)) {
      asked.get("url").error("tokens are sent over HTTPS only", "https://...");
    }
  }
  if (const yaml::Node review = node.get("token_review"); review.present()) {
    review.only({"url", "cache"});
    read_text(review.need("url"), out.token_review.url);
    read_duration(review.get("cache"), 1s, 60s, out.token_review.cache);
    if (!out.token_review.url.empty() && !is_https(out.token_review.url)) {
      review.get("url").error("tokens are sent over HTTPS only", "https://...");
    }
    if (out.bearer_file.empty()) {
      review.error("the API server must know who asks",
                   "bearer_file: /var/run/secrets/kubernetes.io/serviceaccount/token beside it");
    }
  }
}

void read_aws(const yaml::Node& node, identity::IssuerConfig& out) {
  identity::AwsConfig& aws = out.aws;
  if (const auto audiences = node.need("audiences").texts(); audiences.size() == 1) {
    aws.audience = audiences.front();
  } else if (node.get("audiences").present()) {
    node.get("audiences").error("callers sign exactly one name of this gateway", "[keyward]");
  }
  aws.accounts = node.need("accounts").texts();
  for (const std::string& account : aws.accounts) {
    if (!all_digits(account, 12)) {
      node.get("accounts").error("an AWS account is 12 digits in quotes", "[\"123456789012\"]");
    }
  }
  aws.regions = node.need("regions").texts();
  for (const std::string& region : aws.regions) {
    const bool plain =
        region.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") == std::string::npos;
    if (!plain || (region != "global" && region.find('-') == std::string::npos)) {
      node.get("regions").error("this is no AWS region",
                                "[eu-west-1], or global for sts.amazonaws.com");
    }
  }
  read_bool(node.get("fips"), aws.fips);
  read_text(node.get("endpoint"), aws.endpoint);
  if (!aws.endpoint.empty() && !all_digits(aws.endpoint.substr(aws.endpoint.rfind(':') + 1),
                                           aws.endpoint.size() - aws.endpoint.rfind(':') - 1)) {
    node.get("endpoint").error("this is no address to connect to", "host:port");
  }
  std::string reuse = "window";
  read_choice(node.get("reuse"), {"window", "once", "per-source-ip"}, reuse);
  using Reuse = identity::AwsConfig::Reuse;
  aws.reuse = reuse == "once"            ? Reuse::once
              : reuse == "per-source-ip" ? Reuse::per_source_ip
                                         : Reuse::window;
  if (out.max_session > 12h) {
    node.get("max_session").error("a session from one AWS request lasts 12 hours at most", "12h");
  }
  refuse_other_ways(node, out.profile);
}

void read_certificates(const yaml::Node& node, identity::IssuerConfig& out) {
  using San = identity::CertificateConfig::San;
  std::string san = "spiffe";
  read_choice(node.get("san"), {"spiffe", "uri", "dns", "email"}, san);
  out.certificate.san = san == "uri"     ? San::uri
                        : san == "dns"   ? San::dns
                        : san == "email" ? San::email
                                         : San::spiffe;
  if (san == "spiffe") {
    out.certificate.trust_domains = node.need("trust_domains").texts();
  } else {
    misplaced(node, {"trust_domains"}, "san: spiffe beside it");
  }
  refuse_other_ways(node, out.profile);
}

}  // namespace keyward::server
