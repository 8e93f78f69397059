// Cases 26 to 47: what correctly signed tokens say.
#include "identity/claims.h"
#include "token_maker.h"

#include <gtest/gtest.h>

namespace keyward::identity {
namespace {

using namespace keyward::identity::testing;

std::string judge_number(std::string_view claim, std::string_view text) {
  return judge(token_with_payload(payload_with(claim, text)));
}
std::string judge_exp(std::int64_t from_now, const IssuerConfig& rules) {
  return judge_claims_of(claims_with({{"exp", kNow + from_now}, {"iat", kNow - 100}}), rules);
}

TEST(Attack, Case26OtherIssuers) {
  for (const char* issuer :
       {"https://issuer.example/", "https://ISSUER.example", "HTTPS://issuer.example",
        "https://issuer.example:443", "http://issuer.example", "https://issuer.exampl\xd0\xb5",
        "https://issuer.example/tenant", "https://issuer.example ", "issuer.example", ""}) {
    EXPECT_EQ(judge_claims_of(claims_with({{"iss", issuer}})), "unknown_issuer") << issuer;
  }
  EXPECT_EQ(judge_claims_of(claims_with({{"iss", nullptr}})), "unknown_issuer");
  EXPECT_EQ(judge_claims_of(claims_with({{"iss", json::array{"https://issuer.example"}}})),
            "unknown_issuer");
  EXPECT_EQ(judge_claims_of(claims_with({{"iss", 1}})), "unknown_issuer");
}

TEST(Attack, Case28Audience) {
  const auto with_audience = [](const json::value& audience) {
    return judge_claims_of(claims_with({{"aud", audience}}));
  };
  json::array thousand(1000, "keyward");
  for (const json::value& audience : std::vector<json::value>{
           nullptr, json::array{}, 7, json::object{{"keyward", true}}, "keyward2", "keywar",
           "Keyward", "keyward ", "", true, json::array{"keyward2"}, json::array{"keyward", 7},
           json::array{json::array{"keyward"}}, "other keyward", "keyward,other"}) {
    EXPECT_EQ(with_audience(audience), "audience") << json::serialize(audience);
  }
  EXPECT_NE(with_audience(thousand), "");
  EXPECT_EQ(with_audience(json::array(17, "keyward")), "audience");
  EXPECT_EQ(with_audience(json::array(16, "keyward")), "");
  EXPECT_EQ(with_audience(json::array{"other", "keyward"}), "");
  IssuerConfig strict = usual_rules();
  strict.allow_extra_audiences = false;
  EXPECT_EQ(judge_claims_of(claims_with({{"aud", {"other", "keyward"}}}), strict), "audience");
  EXPECT_EQ(judge_claims_of(claims_with({{"aud", json::array{"keyward"}}}), strict), "");
  strict.audiences = {"keyward", "other"};
  EXPECT_EQ(judge_claims_of(claims_with({{"aud", {"other", "keyward"}}}), strict), "");
}

TEST(Attack, Case29Dates) {
  for (const char* text : {"\"1900000000\"", "1e99", "-1", "-0.5", "9007199254740994", "true",
                           "null", "[1900000000]", "{}", "1e17"}) {
    EXPECT_EQ(judge_number("exp", text), "time_claim") << text;
    EXPECT_EQ(judge_number("nbf", text), "time_claim") << text;
    EXPECT_EQ(judge_number("iat", text), "time_claim") << text;
  }
  for (const char* text : {"9223372036854775808", "1e999", "NaN", "Infinity", "0x7fffffff", "01"}) {
    EXPECT_EQ(judge_number("exp", text), "payload_json") << text;
  }
  EXPECT_EQ(judge_claims_of(claims_with({{"exp", nullptr}})), "time_claim");
  EXPECT_EQ(judge_number("exp", "1800000060.5"), "");
  EXPECT_EQ(accept(token_with_payload(payload_with("exp", "1800000060.9"))).valid_until,
            at_second(1'800'000'060))
      << "fractions are cut off";
  EXPECT_EQ(judge_number("exp", "1.80000006e9"), "");
  EXPECT_EQ(judge_number("exp", "9007199254740992"), "lifetime") << "2^53 is still a date";
}

TEST(Attack, Case30Expiry) {
  IssuerConfig rules = usual_rules();
  EXPECT_EQ(judge_exp(0, rules), "expired");
  EXPECT_EQ(judge_exp(-1, rules), "expired");
  EXPECT_EQ(judge_exp(2, rules), "");
  EXPECT_EQ(accept(token_of(claims_with({{"exp", kNow + 2}}))).principal.expires_at,
            at_second(kNow + 2));
  rules.exp_leeway = std::chrono::seconds(10);
  EXPECT_EQ(judge_exp(-11, rules), "expired");
  EXPECT_EQ(judge_exp(-10, rules), "expired");
  EXPECT_EQ(judge_exp(-9, rules), "");
  const auto late = token_of(claims_with({{"exp", kNow - 9}, {"iat", kNow - 100}}));
  EXPECT_EQ(accept(late, rules).principal.expires_at, at_second(kNow + 1))
      << "and is cut 1 s later";
  const auto fraction = at_second(kNow) + std::chrono::microseconds(999'999);
  EXPECT_EQ(reason_of(validate(token_of(claims_with({{"exp", kNow + 1}})), *usual_keys(),
                               usual_rules(), fraction)),
            "");
  EXPECT_EQ(reason_of(validate(token_of(claims_with({{"exp", kNow}, {"iat", kNow - 1}})),
                               *usual_keys(), usual_rules(), fraction)),
            "expired");
}

TEST(Attack, Case31NotYet) {
  for (const char* claim : {"nbf", "iat"}) {
    EXPECT_EQ(judge_claims_of(claims_with({{claim, kNow + 30}})), "") << claim;
    EXPECT_EQ(judge_claims_of(claims_with({{claim, kNow + 31}})), "not_yet_valid") << claim;
    EXPECT_EQ(judge_claims_of(claims_with({{claim, kNow - 3000}})), "") << claim;
  }
  EXPECT_EQ(judge_claims_of(claims_with({{"iat", kNow + 20}, {"exp", kNow + 10}})), "time_claim");
}

TEST(Attack, Case32Lifetime) {
  const std::int64_t ten_years = 315'360'000;
  const std::int64_t day = 86'400;
  EXPECT_EQ(judge_claims_of(claims_with({{"exp", kNow + ten_years}})), "lifetime");
  EXPECT_EQ(judge_claims_of(claims_with({{"exp", kNow + day}})), "");
  EXPECT_EQ(judge_claims_of(claims_with({{"exp", kNow + day + 1}})), "lifetime");
  EXPECT_EQ(judge_claims_of(claims_with({{"exp", kNow + day + 1}, {"iat", nullptr}})), "lifetime");
  EXPECT_EQ(judge_claims_of(claims_with({{"exp", kNow + 10}, {"iat", kNow - ten_years}})),
            "lifetime");
  IssuerConfig short_session = usual_rules();
  short_session.max_session = std::chrono::minutes(5);
  EXPECT_EQ(accept(token_of(usual_claims()), short_session).principal.expires_at,
            at_second(kNow + 300));
}

TEST(Attack, Case33OtherKindsOfToken) {
  for (const json::object& marks : std::vector<json::object>{{{"nonce", "n"}},
                                                             {{"at_hash", "h"}},
                                                             {{"c_hash", "h"}},
                                                             {{"token_use", "id"}},
                                                             {{"typ", "ID"}},
                                                             {{"typ", "Refresh"}},
                                                             {{"typ", "Offline"}},
                                                             {{"events", json::object()}}}) {
    EXPECT_EQ(judge_claims_of(claims_with(marks)), "token_kind") << json::serialize(marks);
  }
  EXPECT_EQ(judge_claims_of(claims_with({{"token_use", "access"}, {"typ", "Bearer"}})), "");
  IssuerConfig id = usual_rules();
  id.token_kind = TokenKind::id;
  EXPECT_EQ(
      judge_claims_of(claims_with({{"nonce", "n"}, {"at_hash", "h"}, {"token_use", "id"}}), id),
      "");
  EXPECT_EQ(judge_claims_of(claims_with({{"token_use", "access"}}), id), "token_kind");
  EXPECT_EQ(judge_claims_of(claims_with({{"typ", "Bearer"}}), id), "token_kind");
  EXPECT_EQ(judge("eyJjdHkiOiJKV1QifQ-opaque-refresh-token"), "not_a_jwt");
  EXPECT_EQ(judge_claims_of(claims_with({{"aud", "https://issuer.example/oauth2/token"}})),
            "audience")
      << "an RFC 7523 assertion is meant for the token endpoint";
}

TEST(Attack, Case34OtherParties) {
  IssuerConfig cognito = usual_rules();
  cognito.audience_claim = "client_id";
  cognito.audiences = {"client-1"};
  cognito.required_claims = {{"token_use", "access"}};
  const json::object claims =
      claims_with({{"aud", nullptr}, {"client_id", "client-1"}, {"token_use", "access"}});
  EXPECT_EQ(judge_claims_of(claims, cognito), "");
  json::object other = claims;
  other["client_id"] = "client-2";
  EXPECT_EQ(judge_claims_of(other, cognito), "audience");
  other = claims;
  other.erase("token_use");
  EXPECT_EQ(judge_claims_of(other, cognito), "required_claim");

  IssuerConfig entra = usual_rules();
  entra.required_claims = {{"tid", "tenant-1"}, {"azp", "app-1"}};
  EXPECT_EQ(judge_claims_of(claims_with({{"tid", "tenant-1"}, {"azp", "app-1"}}), entra), "");
  EXPECT_EQ(judge_claims_of(claims_with({{"tid", "tenant-2"}, {"azp", "app-1"}}), entra),
            "required_claim");
  EXPECT_EQ(judge_claims_of(claims_with({{"tid", "tenant-1"}, {"azp", "app-2"}}), entra),
            "required_claim");
  EXPECT_EQ(judge_claims_of(claims_with({{"tid", "tenant-1"}}), entra), "required_claim");
}

TEST(Attack, Case35OktaOrganisationServer) {
  IssuerConfig okta = usual_rules();
  okta.issuer = "https://org.okta.example/oauth2/default";
  EXPECT_EQ(judge_claims_of(claims_with({{"iss", okta.issuer}}), okta), "");
  EXPECT_EQ(judge_claims_of(claims_with({{"iss", "https://org.okta.example"}}), okta),
            "unknown_issuer");
}

TEST(Attack, Case36GroupOverage) {
  const json::object names{{"groups", "src1"}};
  const json::object marks{{"groups", nullptr},
                           {"_claim_names", names},
                           {"_claim_sources", {{"src1", {{"endpoint", "https://graph.example"}}}}}};
  EXPECT_EQ(judge_claims_of(claims_with(marks)), "group_overage");
  EXPECT_EQ(judge_claims_of(claims_with({{"groups", nullptr}, {"hasgroups", true}})),
            "group_overage");
  EXPECT_EQ(judge_claims_of(claims_with({{"groups", nullptr}, {"hasgroups", "true"}})),
            "group_overage");
  EXPECT_EQ(judge_claims_of(claims_with({{"_claim_names", "groups"}})), "group_overage");
  EXPECT_EQ(judge_claims_of(claims_with({{"_claim_names", {{"photo", "src1"}}}})), "");
  IssuerConfig roles = usual_rules();
  roles.groups_claim = "roles";
  EXPECT_EQ(judge_claims_of(claims_with(marks), roles), "") << "the groups are not read";
  roles.groups_claim = "";
  EXPECT_EQ(judge_claims_of(claims_with(marks), roles), "");
  roles.groups_claim = "groups.inner";
  EXPECT_EQ(judge_claims_of(claims_with(marks), roles), "group_overage");
}

TEST(Attack, Case37Groups) {
  const auto groups = [](const json::value& value) {
    return accept(token_of(claims_with({{"groups", value}}))).principal.groups;
  };
  EXPECT_EQ(groups("team-a team-b"), (std::vector<std::string>{"team-a", "team-b"}));
  EXPECT_EQ(groups("team-administrators"), (std::vector<std::string>{"team-administrators"}));
  EXPECT_EQ(groups("a,b"), (std::vector<std::string>{"a,b"})) << "spaces are the only separator";
  EXPECT_TRUE(groups("").empty());
  EXPECT_TRUE(groups(json::array{}).empty());
  EXPECT_TRUE(groups(nullptr).empty());
  EXPECT_EQ(groups(json::array{"with space"}), (std::vector<std::string>{"with space"}));
  json::array most(kMaxGroups, "g");
  EXPECT_EQ(groups(most).size(), kMaxGroups);
  most.push_back("g");
  json::array thousands(5000, "");
  for (const json::value& value : std::vector<json::value>{
           most, thousands, json::array{json::array{"a"}}, json::array{1},
           json::array{"a", nullptr}, json::array{"a\nb"}, json::array{"a\r\n+OK"}, json::array{""},
           "a\nb", 1, true, json::object{{"a", 1}}, json::array{std::string(256, 'g')},
           json::array{"\xc2\x85"}}) {
    EXPECT_NE(judge_claims_of(claims_with({{"groups", value}})), "")
        << json::serialize(value).substr(0, 60);
  }
  EXPECT_EQ(judge_claims_of(claims_with({{"groups", most}})), "groups");
}

TEST(Attack, Case38Scopes) {
  IssuerConfig rules = usual_rules();
  for (const char* claim : {"scope", "scp"}) {
    rules.required_claims = {{claim, "admin"}};
    EXPECT_EQ(judge_claims_of(claims_with({{claim, "read admin"}}), rules), "");
    EXPECT_EQ(judge_claims_of(claims_with({{claim, {"read", "admin"}}}), rules), "");
    EXPECT_EQ(judge_claims_of(claims_with({{claim, "administrator read"}}), rules),
              "required_claim");
    EXPECT_EQ(judge_claims_of(claims_with({{claim, json::array{"read admin"}}}), rules),
              "required_claim");
    EXPECT_EQ(judge_claims_of(claims_with({{claim, "read\tadmin"}}), rules), "required_claim");
    rules.required_claims = {{claim, "admin read"}};
    EXPECT_EQ(judge_claims_of(claims_with({{claim, "admin readwrite"}}), rules), "required_claim");
  }
  rules.required_claims = {{"role", "admin"}};
  EXPECT_EQ(judge_claims_of(claims_with({{"role", "user admin"}}), rules), "required_claim")
      << "only scopes are lists between spaces";
}

TEST(Attack, Case39Subjects) {
  for (const std::string& subject :
       {std::string("x\r\n+OK"), std::string("a\tb"), std::string(256, 'a'),
        std::string(10'000, 'a'), std::string(), std::string("\x7f"), std::string("a\xc2\x9bz"),
        std::string("\x1b[2J")}) {
    EXPECT_EQ(judge_claims_of(claims_with({{"sub", subject}})), "subject") << subject.substr(0, 20);
  }
  for (const json::value& subject :
       std::vector<json::value>{7, json::array{"alice"}, true, nullptr}) {
    EXPECT_EQ(judge_claims_of(claims_with({{"sub", subject}})), "subject");
  }
  // Odd names stay names: the principal carries them as they are, and templates refuse them where
  // they would matter.
  for (const std::string& subject :
       {std::string("default"), std::string("kw_0123456789ab"), std::string("../x"),
        std::string("a b"), std::string("*"), std::string("[a-z]"), std::string("{sub}"),
        std::string(255, 'a')}) {
    EXPECT_EQ(accept(token_of(claims_with({{"sub", subject}}))).principal.id, "main:" + subject);
  }
  EXPECT_EQ(judge_claims_of(claims_with({{"jti", "a\nb"}})), "subject");
  EXPECT_EQ(judge_claims_of(claims_with({{"jti", 5}})), "subject");
}

TEST(Attack, Case44AwsRequestTags) {
  const json::object aws{{"aws_account", "123456789012"},
                         {"principal_tags", {{"team", "web"}}},
                         {"request_tags", {{"team", "admin"}}}};
  IssuerConfig rules = usual_rules();
  const json::object claims = claims_with({{"https://sts.amazonaws.com/", aws}});
  const json::object kept = accept(token_of(claims)).principal.claims;
  EXPECT_EQ(find_claim(kept, "https://sts.amazonaws.com/.request_tags.team"), nullptr);
  EXPECT_NE(find_claim(kept, "https://sts.amazonaws.com/.principal_tags.team"), nullptr);
  rules.groups_claim = "https://sts.amazonaws.com/.request_tags.team";
  EXPECT_TRUE(accept(token_of(claims), rules).principal.groups.empty());
  rules.required_claims = {{"https://sts.amazonaws.com/.request_tags.team", "admin"}};
  EXPECT_EQ(judge_claims_of(claims, rules), "required_claim");
  rules.required_claims = {{"https://sts.amazonaws.com/.aws_account", "123456789012"}};
  EXPECT_EQ(judge_claims_of(claims, rules), "");
}

TEST(Attack, Case45BoundTokens) {
  for (const json::value& binding :
       std::vector<json::value>{json::object{{"x5t#S256", "abc"}}, json::object{{"jkt", "abc"}},
                                json::object{}, "x", 1}) {
    EXPECT_EQ(judge_claims_of(claims_with({{"cnf", binding}})), "bound_token");
  }
  EXPECT_EQ(judge(token_with_payload(payload_with("cnf", "null"))), "bound_token");
}

TEST(Attack, Case47ActorChain) {
  std::string chain = "{}";
  for (int link = 0; link < 1000; ++link) chain = R"({"act":)" + chain + "}";
  EXPECT_EQ(judge(token_with_payload(payload_with("act", chain))), "payload_json");
  EXPECT_EQ(judge(token_with_payload(payload_with("act", R"({"sub":"proxy","act":{"sub":"x"}})"))),
            "");
}

TEST(Claims, DottedPaths) {
  const json::object claims = json::parse(R"({
    "a": {"b": {"c": "deep"}, "b.c": "dotted"}, "x.y": {"z": 1}, "x": {"y": {"z": 2}}, "t": "text",
    "https://host.example/roles": ["r"], "": {"e": 1}})")
                                  .as_object();
  const auto text = [&](std::string_view path) {
    const json::value* found = find_claim(claims, path);
    return found == nullptr ? std::string("none") : json::serialize(*found);
  };
  EXPECT_EQ(text("a.b.c"), "\"dotted\"") << "the longest name that is present decides";
  EXPECT_EQ(text("x.y.z"), "1");
  EXPECT_EQ(text("https://host.example/roles"), "[\"r\"]");
  EXPECT_EQ(text("t"), "\"text\"");
  for (const char* path : {"t.u", "a.c", "nothing", "", ".", "a.", ".a", "a..b", "a.b.c.d"}) {
    EXPECT_EQ(text(path), "none") << path;
  }
}

TEST(Claims, RequirementsMatchWholeValues) {
  const json::object claims =
      json::parse(R"({"ok":true,"n":5,"d":1.5,"o":{"x":1},"s":"a","l":["a",5,false]})").as_object();
  EXPECT_TRUE(claim_equals(claims, "ok", "true"));
  EXPECT_TRUE(claim_equals(claims, "n", "5"));
  EXPECT_TRUE(claim_equals(claims, "l", "5"));
  EXPECT_TRUE(claim_equals(claims, "l", "false"));
  EXPECT_TRUE(claim_equals(claims, "o.x", "1"));
  EXPECT_FALSE(claim_equals(claims, "s", "A"));
  EXPECT_FALSE(claim_equals(claims, "o", "{\"x\":1}"));
  EXPECT_FALSE(claim_equals(claims, "missing", ""));
}

}  // namespace
}  // namespace keyward::identity
