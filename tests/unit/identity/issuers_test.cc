// Tokens as well-known issuers make them, each under the rules an operator would write for that
// issuer.
#include "token_maker.h"

#include <gtest/gtest.h>

namespace keyward::identity {
namespace {

using namespace keyward::identity::testing;

struct Shape {
  const char* name;
  IssuerConfig rules;
  const char* header;   // without kid
  const char* payload;  // times are added
  const char* id;
  std::vector<std::string> groups;
};

IssuerConfig rules_for(const char* alias, const char* issuer, const char* audience) {
  IssuerConfig rules;
  rules.alias = alias;
  rules.issuer = issuer;
  rules.audiences = {audience};
  return rules;
}

std::vector<Shape> shapes() {
  std::vector<Shape> all;
  Shape okta{
      "Okta custom server, user",
      rules_for("okta", "https://acme.okta.com/oauth2/default", "api://keyward"),
      R"("typ":"JWT")",
      R"("ver":1,"jti":"AT.x","iss":"https://acme.okta.com/oauth2/default","aud":"api://keyward",
                "cid":"0oa1","uid":"00u1","scp":["openid","redis"],"auth_time":1799999000,
                "sub":"alice@acme.example","groups":["Everyone","data"])",
      "okta:00u1",
      {"Everyone", "data"}};
  okta.rules.principal_claim = "uid";
  okta.rules.required_claims = {{"scp", "redis"}};
  all.push_back(okta);

  Shape entra{
      "Entra v2, application",
      rules_for("entra",
                "https://login.microsoftonline.com/11111111-2222-3333-4444-555555555555/v2.0",
                "66666666-7777-8888-9999-000000000000"),
      R"("typ":"JWT")",
      R"("aud":"66666666-7777-8888-9999-000000000000","ver":"2.0","idtyp":"app",
                 "iss":"https://login.microsoftonline.com/11111111-2222-3333-4444-555555555555/v2.0",
                 "azp":"app-1","azpacr":"1","oid":"oid-1","sub":"oid-1","roles":["redis.write"],
                 "tid":"11111111-2222-3333-4444-555555555555","uti":"u","rh":"0.A")",
      "entra:oid-1",
      {"redis.write"}};
  entra.rules.principal_claim = "oid";
  entra.rules.groups_claim = "roles";
  entra.rules.required_claims = {{"tid", "11111111-2222-3333-4444-555555555555"}, {"ver", "2.0"}};
  all.push_back(entra);

  Shape kubernetes{
      "Kubernetes projected token",
      rules_for("k8s", "https://kubernetes.default.svc.cluster.local", "keyward"),
      "",
      R"("aud":["keyward"],"iss":"https://kubernetes.default.svc.cluster.local","jti":"j",
                      "kubernetes.io":{"namespace":"airflow","node":{"name":"n","uid":"u0"},
                      "pod":{"name":"worker-0","uid":"u1"},"serviceaccount":{"name":"worker","uid":"u2"},
                      "warnafter":1800003607},"sub":"system:serviceaccount:airflow:worker")",
      "k8s:system:serviceaccount:airflow:worker",
      {}};
  kubernetes.rules.token_kind = TokenKind::workload;
  kubernetes.rules.required_claims = {{"kubernetes.io.serviceaccount.uid", "u2"},
                                      {"kubernetes.io.namespace", "airflow"}};
  all.push_back(kubernetes);

  Shape google{
      "Google ID token",
      rules_for("google", "https://accounts.google.com", "https://keyward.example"),
      R"("typ":"JWT")",
      R"("aud":"https://keyward.example","azp":"1050","email":"job@p.iam.gserviceaccount.com",
                  "email_verified":true,"iss":"https://accounts.google.com","sub":"1050")",
      "google:1050",
      {}};
  google.rules.token_kind = TokenKind::id;
  google.rules.required_claims = {{"email_verified", "true"}};
  google.rules.user_claims = {"email"};
  all.push_back(google);

  Shape keycloak{
      "Keycloak",
      rules_for("kc", "https://sso.example/realms/data", "keyward"),
      R"("typ":"JWT")",
      R"("jti":"trrtcc:1","iss":"https://sso.example/realms/data","aud":["keyward","account"],
                    "sub":"f1","typ":"Bearer","azp":"worker","sid":"s","acr":"1",
                    "realm_access":{"roles":["offline_access","etl"]},
                    "resource_access":{"account":{"roles":["view-profile"]}},"scope":"profile email")",
      "kc:f1",
      {"offline_access", "etl"}};
  keycloak.rules.groups_claim = "realm_access.roles";
  keycloak.rules.required_claims = {{"azp", "worker"}};
  all.push_back(keycloak);

  Shape auth0{
      "Auth0",
      rules_for("auth0", "https://acme.eu.auth0.com/", "https://keyward.example"),
      R"("typ":"at+jwt")",
      R"("iss":"https://acme.eu.auth0.com/","sub":"abc@clients","azp":"abc","gty":"client-credentials",
                 "aud":["https://keyward.example","https://acme.eu.auth0.com/userinfo"],
                 "https://acme.example/roles":["etl"])",
      "auth0:abc@clients",
      {"etl"}};
  auth0.rules.groups_claim = "https://acme.example/roles";
  all.push_back(auth0);

  Shape cognito{
      "Cognito access token",
      rules_for("cognito", "https://cognito-idp.eu-west-1.amazonaws.com/p1", "client-1"),
      "",
      R"("sub":"s1","iss":"https://cognito-idp.eu-west-1.amazonaws.com/p1","client_id":"client-1",
                   "token_use":"access","scope":"redis/use","jti":"j","cognito:groups":["g"],"username":"s1")",
      "cognito:s1",
      {"g"}};
  cognito.rules.audience_claim = "client_id";
  cognito.rules.groups_claim = "cognito:groups";
  cognito.rules.required_claims = {{"token_use", "access"}, {"scope", "redis/use"}};
  all.push_back(cognito);

  Shape github{
      "GitHub Actions",
      rules_for("gh", "https://token.actions.githubusercontent.com", "keyward"),
      R"("typ":"JWT","x5t":"abc")",
      R"("jti":"j","sub":"repo:acme@1/etl@2:environment:prod","aud":"keyward","repository":"acme/etl",
                  "repository_id":"2","repository_owner_id":"1","environment":"prod",
                  "iss":"https://token.actions.githubusercontent.com")",
      "gh:2",
      {}};
  github.rules.token_kind = TokenKind::workload;
  github.rules.principal_claim = "repository_id";
  github.rules.required_claims = {{"repository_owner_id", "1"}, {"environment", "prod"}};
  all.push_back(github);

  Shape aws{
      "AWS outbound federation",
      rules_for("aws", "https://u1.tokens.sts.global.api.aws", "keyward"),
      R"("typ":"JWT")",
      R"("aud":"keyward","sub":"arn:aws:iam::123456789012:role/etl","iss":"https://u1.tokens.sts.global.api.aws",
               "https://sts.amazonaws.com/":{"aws_account":"123456789012","principal_tags":{"team":"data"},
               "request_tags":{"team":"admin"}},"jti":"j")",
      "aws:arn:aws:iam::123456789012:role/etl",
      {"data"}};
  aws.rules.token_kind = TokenKind::workload;
  aws.rules.groups_claim = "https://sts.amazonaws.com/.principal_tags.team";
  aws.rules.required_claims = {{"https://sts.amazonaws.com/.aws_account", "123456789012"}};
  all.push_back(aws);
  return all;
}

std::string header_of(const Shape& shape) {
  const std::string rest = *shape.header == '\0' ? "" : "," + std::string(shape.header);
  return R"({"alg":"RS256","kid":"rsa-1")" + rest + "}";
}
std::string payload_of(const Shape& shape) {
  return "{" + std::string(shape.payload) +
         R"(,"iat":1799999990,"nbf":1799999990,"exp":1800003590})";
}

TEST(Issuers, EachShapeMakesItsPrincipal) {
  for (const Shape& shape : shapes()) {
    SCOPED_TRACE(shape.name);
    ASSERT_TRUE(check_issuers({shape.rules}).empty());
    const std::string token = signed_token(rsa_key(), "RS256", header_of(shape), payload_of(shape));
    ASSERT_EQ(judge(token, shape.rules), "");
    const Principal principal = accept(token, shape.rules).principal;
    EXPECT_EQ(principal.id, shape.id);
    EXPECT_EQ(principal.groups, shape.groups);
  }
}

// Taking any one of the claims away that the rules rest on must refuse; nothing is optional by
// accident.
TEST(Issuers, EachClaimTheRulesNameIsNeeded) {
  for (const Shape& shape : shapes()) {
    std::vector<std::string> needed{"iss", "exp", shape.rules.principal_claim,
                                    shape.rules.audience_claim};
    for (const auto& [path, value] : shape.rules.required_claims) {
      needed.push_back(path.starts_with("kubernetes.io")        ? "kubernetes.io"
                       : path.starts_with("https://sts.amazon") ? "https://sts.amazonaws.com/"
                                                                : path);
    }
    for (const std::string& claim : needed) {
      json::object claims = json::parse(payload_of(shape)).as_object();
      ASSERT_EQ(claims.erase(claim), 1U) << shape.name << " " << claim;
      const std::string token =
          signed_token(rsa_key(), "RS256", header_of(shape), json::serialize(claims));
      EXPECT_NE(judge(token, shape.rules), "") << shape.name << " without " << claim;
    }
  }
}

// No issuer's token is good under another issuer's rules, even when both use the same key.
TEST(Issuers, NoShapePassesForAnother) {
  const auto all = shapes();
  for (const Shape& token_shape : all) {
    const std::string token =
        signed_token(rsa_key(), "RS256", header_of(token_shape), payload_of(token_shape));
    for (const Shape& other : all) {
      if (token_shape.rules.alias == other.rules.alias) continue;
      EXPECT_EQ(judge(token, other.rules), "unknown_issuer")
          << token_shape.name << " as " << other.name;
    }
  }
}

TEST(Issuers, LegacyKubernetesSecretTokenIsRefused) {
  IssuerConfig rules = rules_for("old", "kubernetes/serviceaccount", "keyward");
  rules.token_kind = TokenKind::workload;
  const char* payload =
      R"({"iss":"kubernetes/serviceaccount","kubernetes.io/serviceaccount/namespace":"default",
      "sub":"system:serviceaccount:default:default"})";
  EXPECT_EQ(judge(token_with_payload(payload), rules), "audience");
}

}  // namespace
}  // namespace keyward::identity
