#include "cli/dev_tokens.h"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace keyward::cli {
namespace {

using testing::ElementsAre;

TEST(TokenClaims, AreThoseOfAnAccessToken) {
  TokenRequest request;
  request.alias = "okta";
  request.subject = "alice";
  request.groups = {"a", "b"};
  request.claims["sub"] = "mallory";  // the fixed claims win
  request.claims["team"] = "x";
  request.ttl = std::chrono::hours(1);
  const auto claims =
      token_claims(request, WallTime(std::chrono::microseconds(1'800'000'000'999'999)), "id");
  EXPECT_EQ(claims.at("iss").as_string(), "https://okta.dev.keyward.test");
  EXPECT_EQ(claims.at("aud").as_string(), "keyward");
  EXPECT_EQ(claims.at("sub").as_string(), "alice");
  EXPECT_EQ(claims.at("iat").as_int64(), 1'800'000'000);
  EXPECT_EQ(claims.at("nbf").as_int64(), 1'800'000'000);
  EXPECT_EQ(claims.at("exp").as_int64(), 1'800'003'600);
  EXPECT_EQ(claims.at("jti").as_string(), "id");
  EXPECT_EQ(claims.at("team").as_string(), "x");
  EXPECT_EQ(boost::json::serialize(claims.at("groups")), R"(["a","b"])");
}

TEST(SetClaim, NestsDottedPaths) {
  boost::json::object claims;
  set_claim(claims, "realm_access.kind", boost::json::string("x"));
  set_claim(claims, "realm_access.level", 2);
  set_claim(claims, "https://example.com/team", boost::json::string("y"));
  EXPECT_EQ(boost::json::serialize(claims),
            R"({"realm_access":{"kind":"x","level":2},"https://example.com/team":"y"})");
}

policy::GrantInfo grant(const std::string& name, policy::Who who) {
  policy::GrantInfo out;
  out.name = name;
  out.who = {std::move(who)};
  return out;
}

TEST(RequestForGrant, FitsSubjectGroupAndClaims) {
  policy::Who who;
  who.issuer = "okta";
  who.subject = "svc-*-worker";
  who.groups = {"first", "second"};
  who.claims = {{"tid", "42"}};
  const TokenRequest request = request_for(grant("any name", who), who);
  EXPECT_EQ(request.alias, "okta");
  EXPECT_EQ(request.subject, "svc-dev-worker");
  EXPECT_THAT(request.groups, ElementsAre("first"));
  EXPECT_EQ(request.claims.at("tid").as_string(), "42");
}

TEST(RequestForGrant, TakesTheGrantsNameWhenAnySubjectWillDo) {
  policy::Who who;
  who.issuer = "okta";
  who.groups = {"g"};
  EXPECT_EQ(request_for(grant("air flow/1", who), who).subject, "air_flow_1");
}

TEST(RequestForGrant, GivesServiceAccountsTheirKubernetesClaims) {
  policy::Who who;
  who.issuer = "eks";
  who.subject = "system:serviceaccount:airflow:worker";
  const TokenRequest request = request_for(grant("w", who), who);
  EXPECT_EQ(boost::json::serialize(request.claims),
            R"({"kubernetes.io":{"namespace":"airflow","serviceaccount":{"name":"worker"}}})");
}

TEST(TokenFileName, IsAFileNameAndNoPath) {
  EXPECT_EQ(token_file_name("airflow-worker"), "airflow-worker");
  EXPECT_EQ(token_file_name("a/b c\n"), "a_b_c_");
}

}  // namespace
}  // namespace keyward::cli
