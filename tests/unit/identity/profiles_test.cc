// Documents shaped like those of well-known issuers (discovery, token claims) against the defaults
// of their profiles; and cases 33 to 36, 42 and 43.
#include "identity/claims.h"
#include "identity/oidc_metadata.h"
#include "token_maker.h"

#include <gtest/gtest.h>

namespace keyward::identity {
namespace {

using namespace keyward::identity::testing;

const std::string kTenant = "11112222-3333-4444-5555-666677778888";
const std::string kAws = "https://sts.amazonaws.com/";

struct Shape {
  std::string profile, issuer, jwks_uri;
  std::vector<std::pair<std::string, std::string>> required;  // what the operator adds
  json::object claims;                                        // besides iss, iat and exp
  std::string subject;                                        // of the principal
  std::vector<std::string> groups;
  std::string alg = "RS256", typ = "JWT", label = "";
};

std::vector<Shape> shapes() {
  return {
      {"okta",
       "https://acme.okta.com/oauth2/default",
       "https://acme.okta.com/oauth2/default/v1/keys",
       {},
       {{"ver", 1},
        {"jti", "AT.x"},
        {"aud", "keyward"},
        {"cid", "0oa1app"},
        {"uid", "00u1user"},
        {"scp", {"openid", "redis"}},
        {"auth_time", kNow},
        {"sub", "ann@acme.example"},
        {"groups", {"Everyone", "dba"}}},
       "00u1user",
       {"Everyone", "dba"},
       "RS256",
       "",
       "ann@acme.example"},
      {"okta",
       "https://acme.okta.com/oauth2/aus1",
       "https://acme.okta.com/oauth2/aus1/v1/keys",
       {},
       {{"ver", 1},
        {"jti", "AT.y"},
        {"aud", "keyward"},
        {"cid", "0oa1app"},
        {"scp", json::array{"redis"}},
        {"sub", "0oa1app"}},
       "0oa1app",
       {},
       "RS256",
       "",
       "0oa1app"},
      {"entra",
       "https://login.microsoftonline.com/" + kTenant + "/v2.0",
       "https://login.microsoftonline.com/" + kTenant + "/discovery/v2.0/keys",
       {},
       {{"aud", "keyward"},
        {"azp", "client-guid"},
        {"azpacr", "1"},
        {"oid", "oid-1"},
        {"rh", "0.x"},
        {"roles", json::array{"redis.write"}},
        {"sub", "pairwise"},
        {"tid", kTenant},
        {"uti", "u"},
        {"ver", "2.0"},
        {"idtyp", "app"},
        {"nbf", kNow}},
       "oid-1",
       {"redis.write"}},
      {"entra",
       "https://sts.windows.net/" + kTenant + "/",
       "https://login.microsoftonline.com/common/discovery/keys",
       {},
       {{"aud", "keyward"},
        {"appid", "client-guid"},
        {"idp", "https://sts.windows.net/" + kTenant + "/"},
        {"oid", "oid-2"},
        {"sub", "oid-2"},
        {"tid", kTenant},
        {"ver", "1.0"}},
       "oid-2",
       {}},
      {"auth0",
       "https://acme.eu.auth0.com/",
       "https://acme.eu.auth0.com/.well-known/jwks.json",
       {},
       {{"sub", "auth0|5f7c"},
        {"aud", {"keyward", "https://acme.eu.auth0.com/userinfo"}},
        {"azp", "app"},
        {"scope", "openid"},
        {"permissions", json::array{"read:cache"}}},
       "auth0|5f7c",
       {"read:cache"}},
      {"google",
       "https://accounts.google.com",
       "https://www.googleapis.com/oauth2/v3/certs",
       {{"hd", "acme.example"}},
       {{"azp", "1.apps"},
        {"aud", "keyward"},
        {"sub", "110169484474386276334"},
        {"hd", "acme.example"},
        {"email", "ann@acme.example"},
        {"email_verified", true},
        {"at_hash", "x"}},
       "110169484474386276334",
       {},
       "RS256",
       "JWT",
       "ann@acme.example"},
      {"keycloak",
       "https://sso.acme.example/realms/prod",
       "https://sso.acme.example/realms/prod/protocol/openid-connect/certs",
       {},
       {{"aud", {"keyward", "account"}},
        {"sub", "9e0c-uuid"},
        {"typ", "Bearer"},
        {"azp", "worker"},
        {"acr", "1"},
        {"realm_access", {{"roles", json::array{"cache-user"}}}},
        {"resource_access", {{"account", {{"roles", json::array{"x"}}}}}},
        {"scope", "email"},
        {"email_verified", false},
        {"preferred_username", "ann"}},
       "9e0c-uuid",
       {"cache-user"},
       "RS256",
       "JWT",
       "ann"},
      {"cognito",
       "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_Ab1",
       "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_Ab1/.well-known/jwks.json",
       {},
       {{"sub", "uuid-1"},
        {"client_id", "keyward"},
        {"token_use", "access"},
        {"scope", "redis/use"},
        {"username", "ann"},
        {"cognito:groups", json::array{"dba"}},
        {"origin_jti", "o"}},
       "uuid-1",
       {"dba"},
       "RS256",
       "",
       "ann"},
      {"kubernetes",
       "https://oidc.eks.eu-west-1.amazonaws.com/id/ABC",
       "https://oidc.eks.eu-west-1.amazonaws.com/id/ABC/keys",
       {},
       {{"aud", json::array{"keyward"}},
        {"nbf", kNow},
        {"sub", "system:serviceaccount:shop:api"},
        {"kubernetes.io",
         {{"namespace", "shop"},
          {"pod", {{"name", "api-1"}, {"uid", "p"}}},
          {"serviceaccount", {{"name", "api"}, {"uid", "s"}}}}}},
       "system:serviceaccount:shop:api",
       {},
       "RS256",
       "",
       "api-1"},
      {"github-actions",
       "https://token.actions.githubusercontent.com",
       "https://token.actions.githubusercontent.com/.well-known/jwks",
       {{"repository_owner_id", "65"}},
       {{"sub", "repo:acme@65/shop@1296269:environment:prod"},
        {"aud", "keyward"},
        {"repository", "acme/shop"},
        {"repository_id", "1296269"},
        {"repository_owner_id", "65"},
        {"environment", "prod"},
        {"job_workflow_ref", "acme/ci/.github/workflows/d.yml@refs/heads/main"}},
       "1296269",
       {},
       "RS256",
       "JWT",
       "repo:acme@65/shop@1296269:environment:prod"},
      {"aws-outbound",
       "https://0c1d.tokens.sts.global.api.aws",
       "https://0c1d.tokens.sts.global.api.aws/.well-known/jwks.json",
       {{kAws + ".aws_account", "123456789012"}},
       {{"aud", "keyward"},
        {"sub", "arn:aws:iam::123456789012:role/Deploy"},
        {kAws,
         {{"aws_account", "123456789012"},
          {"org_id", "o-1"},
          {"principal_tags", {{"team", "web"}}},
          {"request_tags", {{"team", "admin"}}}}}},
       "arn:aws:iam::123456789012:role/Deploy",
       {},
       "RS256",
       ""},
  };
}

IssuerConfig rules_of(const Shape& shape) {
  IssuerConfig rules;
  rules.alias = "it";
  apply_profile(shape.profile, rules);
  rules.issuer = shape.issuer;
  rules.audiences = {"keyward"};
  rules.required_claims = shape.required;
  for (const auto& wrong : finish_profile(rules)) EXPECT_EQ(wrong.what, "") << shape.issuer;
  return rules;
}
json::object claims_of(const Shape& shape) {
  json::object claims = shape.claims;
  claims["iss"] = shape.issuer;
  claims["iat"] = kNow;
  claims["exp"] = kNow + 3600;
  return claims;
}
std::string token_like(const Shape& shape, const json::object& claims) {
  return token_of(claims, rsa_key(), shape.alg, shape.typ);
}
std::string judge_like(const Shape& shape, const json::object& changes) {
  json::object claims = claims_of(shape);
  for (const auto& change : changes) {
    change.value().is_null() ? static_cast<void>(claims.erase(change.key()))
                             : static_cast<void>(claims[change.key()] = change.value());
  }
  return judge(token_like(shape, claims), rules_of(shape));
}
Shape shape_of(const std::string& profile) {
  for (Shape& shape : shapes()) {
    if (shape.profile == profile) return shape;
  }
  throw std::runtime_error("no such shape");
}

TEST(Profiles, TokensOfTheirIssuersLogIn) {
  for (const Shape& shape : shapes()) {
    const Principal who = accept(token_like(shape, claims_of(shape)), rules_of(shape)).principal;
    EXPECT_EQ(who.id, "it:" + shape.subject) << shape.issuer;
    EXPECT_EQ(who.groups, shape.groups) << shape.issuer;
    EXPECT_EQ(who.label, shape.label) << shape.issuer;
  }
}

TEST(Profiles, DiscoveryOfTheirIssuers) {
  for (const Shape& shape : shapes()) {
    const auto document = [&](const std::string& issuer, const std::string& keys) {
      return json::serialize(
          json::object{{"issuer", issuer},
                       {"jwks_uri", keys},
                       {"authorization_endpoint", shape.issuer + "/authorize"},
                       {"id_token_signing_alg_values_supported", json::array{"RS256"}},
                       {"response_types_supported", json::array{"code"}},
                       {"request_parameter_supported", false}});
    };
    const auto read = read_metadata(document(shape.issuer, shape.jwks_uri), rules_of(shape));
    EXPECT_TRUE(read.has_value() && *read == shape.jwks_uri) << shape.issuer;
    EXPECT_TRUE(
        read_metadata(document(shape.issuer + "x", shape.jwks_uri), rules_of(shape)).has_error());
    EXPECT_TRUE(
        read_metadata(document(shape.issuer, "https://keys.evil.example/k"), rules_of(shape))
            .has_error());
  }
}

TEST(Profiles, KeySetsAsTheyArePublished) {
  // Entra: x5c and issuer members, no alg. Google: alg and use. Keycloak: an encryption key beside.
  json::object entra = rsa_key().jwk();
  entra["use"] = "sig";
  entra["x5t"] = "abc";
  entra["x5c"] = json::array{"MIIC"};
  entra["issuer"] = "https://login.microsoftonline.com/{tenantid}/v2.0";
  json::object encryption = ec_key().jwk();
  encryption["use"] = "enc";
  encryption["alg"] = "ECDH-ES";
  const auto keys = key_set({entra, encryption});
  EXPECT_EQ(keys->size(), 1U);
  EXPECT_EQ(keys->skipped().size(), 1U);
}

TEST(Profiles, WhatTheyDoNotAllow) {
  const auto complaints = [](const std::string& profile, const std::string& issuer,
                             const std::string& audience = "keyward") {
    IssuerConfig rules;
    apply_profile(profile, rules);
    if (!issuer.empty()) rules.issuer = issuer;
    rules.audiences = {audience};
    std::string settings;
    for (const auto& wrong : finish_profile(rules))
      settings += wrong.setting + (wrong.fatal ? "! " : "? ");
    return settings;
  };
  EXPECT_EQ(complaints("okta", "https://acme.okta.com"), "issuer! ");
  EXPECT_EQ(complaints("entra", "https://login.microsoftonline.com/common/v2.0"), "issuer! ");
  EXPECT_EQ(complaints("entra", "https://login.microsoftonline.com/" + kTenant), "issuer! ");
  EXPECT_EQ(complaints("auth0", "https://acme.auth0.com"), "issuer! ");
  EXPECT_EQ(complaints("google", ""), "required_claims? ");
  EXPECT_EQ(complaints("keycloak", "https://sso.acme.example/prod"), "issuer! ");
  EXPECT_EQ(complaints("keycloak", "https://sso.acme.example/realms/p", "account"), "audiences! ");
  EXPECT_EQ(complaints("kubernetes", "kubernetes/serviceaccount"), "issuer! ");
  EXPECT_EQ(complaints("kubernetes", "https://k.example", "https://k.example"), "audiences! ");
  EXPECT_EQ(
      complaints("kubernetes", "https://k.example", "https://kubernetes.default.svc.cluster.local"),
      "audiences! ");
  EXPECT_EQ(complaints("github-actions", ""), "required_claims! ");
  EXPECT_EQ(complaints("github-actions", "", "https://github.com/acme"),
            "required_claims! audiences! ");
  EXPECT_EQ(complaints("aws-outbound", "https://0c1d.tokens.sts.global.api.aws"),
            "required_claims! ");
  EXPECT_EQ(profile_names().size(), 11U);
}

TEST(Attack, Case33OtherKindsByProfile) {
  EXPECT_EQ(judge_like(shape_of("cognito"), {{"token_use", "id"}}), "token_kind");
  EXPECT_EQ(judge_like(shape_of("cognito"), {{"token_use", nullptr}}), "required_claim");
  EXPECT_EQ(judge_like(shape_of("keycloak"), {{"typ", "Refresh"}}), "token_kind");
  EXPECT_EQ(judge_like(shape_of("keycloak"), {{"typ", "ID"}}), "token_kind");
  EXPECT_EQ(judge_like(shape_of("okta"), {{"nonce", "n"}}), "token_kind");
  // RFC 7523: an assertion is meant for the token endpoint.
  EXPECT_EQ(judge_like(shape_of("auth0"), {{"aud", "https://acme.eu.auth0.com/oauth/token"}}),
            "audience");
}

TEST(Attack, Case34OtherPartiesByProfile) {
  EXPECT_EQ(judge_like(shape_of("cognito"), {{"client_id", "other"}}), "audience");
  EXPECT_EQ(judge_like(shape_of("cognito"), {{"client_id", nullptr}, {"aud", "keyward"}}),
            "audience");
  EXPECT_EQ(judge_like(shape_of("entra"), {{"tid", "99992222-3333-4444-5555-666677778888"}}),
            "required_claim");
  EXPECT_EQ(judge_like(shape_of("entra"), {{"tid", nullptr}}), "required_claim");
  EXPECT_EQ(judge_like(shape_of("entra"), {{"ver", "1.0"}}), "required_claim");
  EXPECT_EQ(judge_like(shape_of("entra"), {{"oid", nullptr}}), "subject")
      << "upn and sub do not stand in";
}

TEST(Attack, Case36OverageByProfile) {
  const json::object overage{{"_claim_names", {{"groups", "src1"}}}};
  EXPECT_EQ(judge_like(shape_of("entra"), overage), "") << "roles are read, groups are not";
  Shape entra = shape_of("entra");
  IssuerConfig rules = rules_of(entra);
  rules.groups_claim = "groups";
  json::object claims = claims_of(entra);
  claims["_claim_names"] = json::object{{"groups", "src1"}};
  EXPECT_EQ(judge(token_like(entra, claims), rules), "group_overage");
}

TEST(Attack, Case42GoogleAccountsOfOthers) {
  EXPECT_EQ(judge_like(shape_of("google"), {{"hd", nullptr}}), "required_claim");
  EXPECT_EQ(judge_like(shape_of("google"), {{"hd", "evil.example"}}), "required_claim");
  for (const json::value& verified : std::vector<json::value>{false, nullptr, "true", 1}) {
    const Shape google = shape_of("google");
    json::object claims = claims_of(google);
    claims.erase("email_verified");
    if (!verified.is_null()) claims["email_verified"] = verified;
    const Principal who = accept(token_like(google, claims), rules_of(google)).principal;
    EXPECT_EQ(who.label, "");
    EXPECT_FALSE(who.claims.contains("email")) << "no policy can match an address nobody verified";
  }
}

TEST(Attack, Case43RepositoriesOfTheSameName) {
  const Shape github = shape_of("github-actions");
  json::object claims = claims_of(github);
  claims["repository_id"] = "777";  // renamed or taken over: the name is the same
  EXPECT_EQ(accept(token_like(github, claims), rules_of(github)).principal.id, "it:777");
  claims["repository_owner_id"] = "66";
  EXPECT_EQ(judge(token_like(github, claims), rules_of(github)), "required_claim");
}

TEST(Profiles, KubernetesTellsOneStory) {
  const Shape shape = shape_of("kubernetes");
  EXPECT_EQ(judge_like(shape, {{"sub", "system:serviceaccount:shop:admin"}}), "required_claim");
  EXPECT_EQ(judge_like(shape, {{"sub", "system:node:x"}}), "required_claim");
  EXPECT_EQ(judge_like(shape, {{"kubernetes.io", nullptr}}), "required_claim");
  EXPECT_EQ(judge_like(shape, {{"exp", nullptr}}), "time_claim") << "legacy tokens do not end";
  EXPECT_EQ(judge_like(shape, {{"aud", nullptr}}), "audience");
  EXPECT_EQ(judge_like(shape, {{"exp", kNow + 365 * 86400}}), "lifetime");
}

TEST(Profiles, AwsOutboundPinsTheAccount) {
  EXPECT_EQ(judge_like(shape_of("aws-outbound"), {{kAws, {{"aws_account", "999999999999"}}}}),
            "required_claim");
  EXPECT_EQ(judge_like(shape_of("aws-outbound"), {{"exp", kNow + 3601}}), "lifetime");
}

TEST(Profiles, AlgorithmsOfOthersAreRefused) {
  const Shape okta = shape_of("okta");
  const std::string signed_with_ec = token_of(claims_of(okta), ec_key(), "ES256", "");
  EXPECT_EQ(judge(signed_with_ec, rules_of(okta)), "alg_not_allowed");
}

}  // namespace
}  // namespace keyward::identity
