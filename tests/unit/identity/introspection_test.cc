// RFC 7662, TokenReview, and which credentials are asked about at all.
#include "identity/introspection.h"

#include "token_maker.h"

#include <gtest/gtest.h>

namespace keyward::identity {
namespace {

using namespace keyward::identity::testing;

IssuerConfig opaque_rules(bool only = false) {
  IssuerConfig rules = usual_rules();
  rules.introspection.url = "https://issuer.example/introspect";
  rules.introspection.only = only;
  return rules;
}
std::string judge_answer(const std::string& body) {
  const auto read = read_introspection(body, "opaque", opaque_rules(), at_second(kNow));
  const auto* rejected = std::get_if<Rejected>(&read);
  return rejected == nullptr ? "" : std::string(rejected->reason);
}
std::string active(const json::object& changes = {}) {
  json::object claims = claims_with(changes);
  if (!claims.contains("active")) claims["active"] = true;
  return json::serialize(claims);
}

TEST(Introspection, ActiveTokensAreJudgedLikeOthers) {
  EXPECT_EQ(judge_answer(active()), "");
  EXPECT_EQ(judge_answer(active({{"iss", nullptr}})), "") << "iss is optional in RFC 7662";
  EXPECT_EQ(judge_answer(active({{"iss", "https://other.example"}})), "unknown_issuer");
  EXPECT_EQ(judge_answer(active({{"aud", "other"}})), "audience");
  EXPECT_EQ(judge_answer(active({{"exp", kNow - 1}, {"iat", kNow - 9}})), "expired");
  EXPECT_EQ(judge_answer(active({{"exp", nullptr}})), "time_claim");
  EXPECT_EQ(judge_answer(active({{"sub", nullptr}})), "subject");
  EXPECT_EQ(judge_answer(active({{"active", false}})), "inactive");
  EXPECT_EQ(judge_answer("{\"active\":false}"), "inactive");
  for (const char* body :
       {"", "{}", "[true]", "{\"active\":\"true\"}", "{\"active\":1}", "{\"active\":true}x",
        "{\"active\":false,\"active\":true}", "{\"active\":null}"}) {
    EXPECT_EQ(judge_answer(body), "malformed") << body;
  }
}

TEST(Introspection, Requests) {
  EXPECT_EQ(introspection_body("a+b/c=="), "token_type_hint=access_token&token=a%2Bb%2Fc%3D%3D");
  EXPECT_EQ(basic_authorization("keyward", "p:w d"), "Basic a2V5d2FyZDpwJTNBdyUyMGQ=");
  EXPECT_EQ(
      token_review_body("t", {"keyward"}),
      R"({"apiVersion":"authentication.k8s.io/v1","kind":"TokenReview","spec":{"token":"t","audiences":["keyward"]}})");
}

TEST(Introspection, OnlyTokensAreAskedAbout) {
  for (const std::string good : {"abc", "a.b", "a.b.c.d", "AT-1~+/==", "x"})
    EXPECT_TRUE(is_bearer_token(good));
  for (const std::string& bad :
       {std::string(), std::string("="), std::string("a=b"), std::string("a b"), std::string("a\n"),
        std::string("a\0", 2), std::string("\xc3\xa9"), std::string(4097, 'a')}) {
    EXPECT_FALSE(is_bearer_token(bad)) << bad.substr(0, 10);
  }
}

TEST(Introspection, WhoIsAsked) {
  FakeClock clock;
  clock.set_wall(at_second(kNow));
  const auto word = [&](bool only, const std::string& secret) -> std::string {
    Authenticator authenticator({opaque_rules(only)}, {}, clock);
    authenticator.set_keys("main", usual_keys(), clock.mono());
    const Verdict verdict = authenticator.authenticate({"", secret});
    if (const auto* refusal = std::get_if<Refusal>(&verdict)) return refusal->reason;
    if (std::holds_alternative<AskRemote>(verdict)) return "ask";
    return std::holds_alternative<std::shared_ptr<const Principal>>(verdict) ? "in" : "other";
  };
  EXPECT_EQ(word(false, token_of(usual_claims())), "in") << "by its keys";
  EXPECT_EQ(word(false, "opaque-token"), "ask");
  EXPECT_EQ(word(false, "not a token"), "not_a_jwt") << "passwords are not sent to the issuer";
  EXPECT_EQ(word(true, token_of(usual_claims())), "ask");
  Authenticator without({usual_rules()}, {}, clock);
  EXPECT_EQ(std::get<Refusal>(without.authenticate({"", "opaque-token"})).reason, "not_a_jwt");
  EXPECT_EQ(std::get<Refusal>(without.authenticate({"", "kw-aws-v1.abcd"})).reason, "not_a_jwt");
}

TEST(Introspection, AnswersAreConcludedHere) {
  FakeClock clock;
  Authenticator authenticator({opaque_rules()}, {}, clock);
  Principal who;
  who.id = "main:alice";
  who.subject = "alice";
  who.issuer_alias = "main";
  const auto as = [&](std::string_view user, const std::string& bound = "") {
    Principal one = who;
    one.bound_to = bound;
    const Verdict verdict =
        authenticator.conclude({user, "x"}, std::make_shared<const Principal>(one));
    const auto* refusal = std::get_if<Refusal>(&verdict);
    return refusal == nullptr ? std::string() : refusal->reason;
  };
  EXPECT_EQ(as("alice"), "");
  EXPECT_EQ(as("admin"), "user_mismatch");
  EXPECT_EQ(as("alice", std::string(64, 'a')), "bound_token");
}

TEST(TokenReview, TheClusterMustConfirm) {
  const auto judge_review = [](const std::string& status) {
    const auto wrong = read_token_review(R"({"kind":"TokenReview","status":)" + status + "}",
                                         "system:serviceaccount:shop:api", {"keyward"});
    return wrong ? std::string(wrong->reason) : std::string();
  };
  const std::string user = R"("user":{"username":"system:serviceaccount:shop:api"})";
  EXPECT_EQ(judge_review(R"({"authenticated":true,)" + user + R"(,"audiences":["keyward"]})"), "");
  EXPECT_EQ(judge_review(R"({"authenticated":true,)" + user + R"(,"audiences":["other"]})"),
            "token_review");
  EXPECT_EQ(judge_review(R"({"authenticated":true,)" + user + "}"), "token_review");
  EXPECT_EQ(judge_review(R"({"authenticated":false,)" + user + R"(,"audiences":["keyward"]})"),
            "token_review");
  EXPECT_EQ(judge_review(R"({"authenticated":"true",)" + user + R"(,"audiences":["keyward"]})"),
            "token_review");
  EXPECT_EQ(
      judge_review(R"({"authenticated":true,"user":{"username":"x"},"audiences":["keyward"]})"),
      "token_review");
  EXPECT_EQ(judge_review("{}"), "token_review");
  EXPECT_EQ(judge_review("1"), "malformed");
  EXPECT_EQ(read_token_review("{}", "x", {})->reason, "malformed");
}

}  // namespace
}  // namespace keyward::identity
