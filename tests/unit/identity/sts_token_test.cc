// Cases 58 to 64 and 66: presigned GetCallerIdentity requests and what STS answers to them.
#include "identity/sts_token.h"

#include "token_maker.h"

#include "keyward/net/sigv4.h"

#include <gtest/gtest.h>

namespace keyward::identity {
namespace {

using namespace keyward::identity::testing;
using std::chrono::seconds;

IssuerConfig aws_rules() {
  IssuerConfig rules;
  rules.alias = "aws";
  apply_profile("aws-iam", rules);
  rules.aws.audience = "keyward-prod";
  rules.aws.accounts = {"123456789012"};
  rules.aws.regions = {"eu-west-1", "global", "cn-north-1"};
  return rules;
}

std::string presigned(std::int64_t at = kNow, std::int64_t expires = 900,
                      const std::string& host = "sts.eu-west-1.amazonaws.com",
                      const std::string& region = "eu-west-1", const std::string& service = "sts") {
  const net::sigv4::Request request{"GET",
                                    host,
                                    "/",
                                    {{"Action", "GetCallerIdentity"}, {"Version", "2011-06-15"}},
                                    {{"x-keyward-audience", "keyward-prod"}},
                                    ""};
  return net::sigv4::presign(
      request, {region, service, std::chrono::sys_seconds(seconds(at)), seconds(expires)},
      {"ASIAEXAMPLE", Secret("secret"), "token/with+signs=="});
}
std::string replaced(std::string text, const std::string& what, const std::string& with) {
  const std::size_t at = text.find(what);
  require(at != std::string::npos);
  return text.replace(at, what.size(), with);
}
std::string judge_url(const std::string& url, std::int64_t now = kNow) {
  const auto read = read_sts_token(make_sts_token(url), aws_rules(), at_second(now));
  const auto* rejected = std::get_if<Rejected>(&read);
  return rejected == nullptr ? "" : std::string(rejected->reason);
}
StsRequest good_request() {
  return std::get<StsRequest>(
      read_sts_token(make_sts_token(presigned()), aws_rules(), at_second(kNow)));
}
std::string answer_text(
    const std::string& account = "123456789012",
    const std::string& arn = "arn:aws:sts::123456789012:assumed-role/Deploy/i-0abc",
    const std::string& user = "AROAEXAMPLE:i-0abc") {
  return json::serialize(json::object{
      {"GetCallerIdentityResponse",
       {{"GetCallerIdentityResult", {{"Account", account}, {"Arn", arn}, {"UserId", user}}},
        {"ResponseMetadata", {{"RequestId", "r-1"}}}}}});
}
std::variant<Principal, Rejected> answered(const std::string& body, int status = 200) {
  return read_sts_answer(status, body, good_request(), aws_rules(), at_second(kNow));
}
std::string judge_answer(const std::string& body, int status = 200) {
  const auto read = answered(body, status);
  const auto* rejected = std::get_if<Rejected>(&read);
  return rejected == nullptr ? "" : std::string(rejected->reason);
}

TEST(Sts, AGoodRequestIsMadeAnew) {
  const StsRequest request = good_request();
  EXPECT_EQ(request.host.name, "sts.eu-west-1.amazonaws.com");
  EXPECT_EQ(request.signed_at, at_second(kNow));
  EXPECT_TRUE(request.url.starts_with(
      "https://sts.eu-west-1.amazonaws.com/?Action=GetCallerIdentity&Version=2011-06-15&"));
  EXPECT_NE(request.url.find("X-Amz-Security-Token=token%2Fwith%2Bsigns%3D%3D"), std::string::npos);
  EXPECT_EQ(request.url.size(), presigned().size()) << "the same parameters in another order";
  EXPECT_EQ(judge_url(presigned(kNow, 900, "sts.amazonaws.com", "us-east-1")), "");
  EXPECT_EQ(judge_url(presigned(kNow, 900, "sts.cn-north-1.amazonaws.com.cn", "cn-north-1")), "");
}

TEST(Attack, Case58Hosts) {
  for (const char* host :
       {"sts.amazonaws.com.evil.com", "sts.eu-west-1.amazonaws.com@evil", "sts.amazonaws.com:8443",
        "sts.amazonaws.com:443", "STS.AmazonAWS.com", "sts.amazonaws.com.", "127.0.0.1", "[::1]",
        "sts.us-east-1.amazonaws.com", "xn--sts-9ja.amazonaws.com", "sts.amazonaws.com%2f",
        "evil.sts.amazonaws.com", "s3.eu-west-1.amazonaws.com", "sts-fips.eu-west-1.amazonaws.com",
        "sts.eu-west-1.amazonaws.com.cn", "", "user:pw@sts.amazonaws.com"}) {
    EXPECT_NE(judge_url(presigned(kNow, 900, host)), "") << host;
    EXPECT_NE(judge_url(presigned(kNow, 900, host, "us-east-1")), "") << host;
  }
  EXPECT_NE(judge_url(replaced(presigned(), "https://", "http://")), "");
  EXPECT_NE(judge_url(replaced(presigned(), "https://", "HTTPS://")), "");
  EXPECT_NE(judge_url(replaced(presigned(), "https://", "")), "");
  EXPECT_NE(judge_url(replaced(presigned(), "https://sts", "https://st\xd1\x95")), "");
}

TEST(Attack, Case59Paths) {
  for (const char* path : {"//?", "/x?", "/%2f?", "/;x?", "/.?", "?", "/#?", "/?#", "/\\?"}) {
    EXPECT_NE(judge_url(replaced(presigned(), "/?", path)), "") << path;
  }
  EXPECT_NE(judge_url(presigned() + "#fragment"), "");
  EXPECT_NE(judge_url(presigned() + ";a=b"), "");
}

TEST(Attack, Case60Parameters) {
  for (const char* more :
       {"&action=AssumeRole", "&Action=GetCallerIdentity", "&%41ction=AssumeRole", "&ACTION=x",
        "&x-amz-date=20270115T080000Z", "&RoleArn=x", "&", "&&", "&Action", "&=x",
        "&x-amz-signature=0", "&X-Amz-Security-Token=other", "&Version=", "&DurationSeconds=900"}) {
    EXPECT_EQ(judge_url(presigned() + more), "aws_request") << more;
  }
  EXPECT_EQ(judge_url(replaced(presigned(), "Action=GetCallerIdentity", "Action=AssumeRole")),
            "aws_request");
  EXPECT_EQ(
      judge_url(replaced(presigned(), "Action=GetCallerIdentity", "action=GetCallerIdentity")),
      "aws_request");
  EXPECT_EQ(judge_url(replaced(presigned(), "2011-06-15", "2011-06-16")), "aws_request");
  EXPECT_EQ(judge_url(replaced(presigned(), "AWS4-HMAC-SHA256", "AWS4-ECDSA-P256-SHA256")),
            "aws_request");
  EXPECT_EQ(judge_url(replaced(presigned(), "&X-Amz-Expires=900", "")), "aws_request");
}

TEST(Attack, Case61AudienceHeaderNotSigned) {
  const std::string wanted = "host%3Bx-keyward-audience";
  for (const char* headers : {"host", "x-keyward-audience", "host%3Bx-keyward-audience%3Bx-other",
                              "x-keyward-audience%3Bhost", "host%3BX-Keyward-Audience"}) {
    EXPECT_EQ(judge_url(replaced(presigned(), wanted, headers)), "aws_request") << headers;
  }
}

TEST(Attack, Case62Dates) {
  EXPECT_EQ(judge_url(presigned(kNow - 899)), "");
  EXPECT_EQ(judge_url(presigned(kNow - 900)), "expired");
  EXPECT_EQ(judge_url(presigned(kNow - 960)), "expired");
  EXPECT_EQ(judge_url(presigned(kNow - 60, 60)), "expired") << "who asked for less gets less";
  EXPECT_EQ(judge_url(presigned(kNow + 300)), "");
  EXPECT_EQ(judge_url(presigned(kNow + 360)), "not_yet_valid");
  EXPECT_EQ(judge_url(presigned(kNow, 86400)), "aws_request");
  EXPECT_EQ(judge_url(presigned(kNow, 901)), "aws_request");
  EXPECT_EQ(judge_url(replaced(presigned(), "X-Amz-Expires=900", "X-Amz-Expires=-1")),
            "aws_request");
  EXPECT_EQ(judge_url(replaced(presigned(), "X-Amz-Expires=900", "X-Amz-Expires=9e2")),
            "aws_request");
  const std::string date = net::sigv4::amz_date(std::chrono::sys_seconds(seconds(kNow)));
  for (const std::string bad : {"20270115", "20270115T0800", "20271315T080000Z", "2027-01-15T08:00",
                                "20270230T080000Z", "20270115T250000Z"}) {
    EXPECT_EQ(judge_url(replaced(presigned(), "X-Amz-Date=" + date, "X-Amz-Date=" + bad)),
              "aws_request")
        << bad;
  }
  const std::string scope = "%2F" + date.substr(0, 8) + "%2F";
  EXPECT_EQ(judge_url(replaced(presigned(), scope, "%2F20200101%2F")), "aws_request");
  EXPECT_EQ(judge_url(presigned(kNow, 900, "sts.eu-west-1.amazonaws.com", "us-east-1")),
            "aws_request");
  EXPECT_EQ(judge_url(presigned(kNow, 900, "sts.eu-west-1.amazonaws.com", "eu-west-1", "s3")),
            "aws_request");
}

TEST(Attack, Case62Wrapping) {
  const auto judge_text = [](const std::string& text) {
    const auto read = read_sts_token(text, aws_rules(), at_second(kNow));
    return std::string(std::get<Rejected>(read).reason);
  };
  EXPECT_NE(judge_text("kw-aws-v1."), "");
  EXPECT_EQ(judge_text(make_sts_token(presigned()) + "="), "encoding");
  EXPECT_EQ(judge_text("kw-aws-v1.+/"), "encoding");
  EXPECT_NE(judge_text(make_sts_token(presigned() + std::string(1, '\0'))), "");
  EXPECT_EQ(judge_text(make_sts_token(presigned() + "&a=" + std::string(5000, 'a'))),
            "aws_request");
}

TEST(Sts, CallersBecomePrincipals) {
  const Principal role = std::get<Principal>(answered(answer_text()));
  EXPECT_EQ(role.id, "aws:arn:aws:iam::123456789012:role/Deploy");
  EXPECT_EQ(role.label, "i-0abc") << "the session name is a label";
  EXPECT_EQ(json::serialize(role.claims).find("i-0abc"), std::string::npos) << "and no claim";
  EXPECT_EQ(role.claims.at("account"), "123456789012");
  EXPECT_EQ(role.claims.at("user_id"), "AROAEXAMPLE");
  EXPECT_EQ(role.expires_at, at_second(kNow + 3600));
  const Principal user = std::get<Principal>(answered(
      answer_text("123456789012", "arn:aws:iam::123456789012:user/team/bob", "AIDAEXAMPLE")));
  EXPECT_EQ(user.subject, "arn:aws:iam::123456789012:user/team/bob");
  EXPECT_EQ(user.label, "");
}

TEST(Attack, Case63Answers) {
  EXPECT_EQ(judge_answer(answer_text()), "");
  for (const int status : {301, 302, 201, 204, 404}) {
    EXPECT_EQ(judge_answer(answer_text(), status), "aws_answer") << status;
  }
  for (const std::string& body :
       {std::string(""), std::string("<html></html>"),
        std::string(
            "<GetCallerIdentityResponse><GetCallerIdentityResult/></GetCallerIdentityResponse>"),
        std::string("[]"), std::string("{}"), answer_text() + "x", answer_text() + answer_text(),
        replaced(answer_text(), "{\"GetCallerIdentityResponse\"",
                 "{\"x\":1,\"GetCallerIdentityResponse\""),
        replaced(answer_text(), "\"ResponseMetadata\"", "\"GetCallerIdentityResult\""),
        replaced(answer_text(), "\"Account\"", "\"Account\":\"123456789012\",\"Account\""),
        replaced(answer_text(), "\"Account\"", "\"Extra\":\"1\",\"Account\""),
        replaced(answer_text(), "\"123456789012\"", "123456789012"),
        replaced(answer_text(), "\"Account\":\"123456789012\"", "\"Account\":\"12345\"")}) {
    EXPECT_EQ(judge_answer(body), "aws_answer") << body.substr(0, 80);
  }
  for (const char* arn :
       {"arn:aws-cn:sts::123456789012:assumed-role/Deploy/i",
        "arn:aws:sts::999999999999:assumed-role/Deploy/i",
        "arn:aws:sts::123456789012:assumed-role/Deploy/a/b",
        "arn:aws:sts::123456789012:assumed-role/Deploy",
        "arn:aws:sts::123456789012:assumed-role//x", "arn:aws:iam::123456789012:root",
        "arn:aws:sts::123456789012:federated-user/bob", "arn:aws:iam::123456789012:role/Deploy",
        "arn:aws:sts::123456789012:assumed-role/De ploy/i",
        "arn:aws:sts::123456789012:assumed-role/D\\n/i", "", "Deploy",
        "arn:aws:iam::123456789012:user/"}) {
    EXPECT_NE(judge_answer(answer_text("123456789012", arn)), "") << arn;
  }
}

TEST(Attack, Case64AnswersOfOtherActions) {
  EXPECT_EQ(
      judge_answer(R"({"AssumeRoleResponse":{"AssumeRoleResult":{"GetCallerIdentityResponse":)" +
                   answer_text() + "}}}"),
      "aws_answer");
  EXPECT_EQ(
      judge_answer(
          R"({"GetCallerIdentityResponse":{"AssumeRoleResult":{},"GetCallerIdentityResult":{}}})"),
      "aws_answer");
  EXPECT_EQ(
      judge_answer(R"({"Error":{"Message":)" + json::serialize(json::string(answer_text())) + "}}",
                   403),
      "aws_refused");
}

TEST(Attack, Case66OtherAccounts) {
  EXPECT_EQ(
      judge_answer(answer_text("999999999999", "arn:aws:sts::999999999999:assumed-role/Deploy/i")),
      "aws_account");
  IssuerConfig two = aws_rules();
  two.aws.accounts.emplace_back("999999999999");
  const auto other = read_sts_answer(
      200, answer_text("999999999999", "arn:aws:sts::999999999999:assumed-role/Deploy/i"),
      good_request(), two, at_second(kNow));
  EXPECT_NE(std::get<Principal>(other).id, std::get<Principal>(answered(answer_text())).id)
      << "one role name in two accounts is two principals";
}

TEST(Attack, Case67Throttling) {
  EXPECT_EQ(judge_answer(R"({"Error":{"Code":"Throttling"}})", 400), "throttled");
  EXPECT_EQ(judge_answer(R"({"Error":{"Code":"ThrottlingException"}})", 403), "throttled");
  EXPECT_EQ(judge_answer("", 503), "throttled");
  EXPECT_EQ(judge_answer("", 429), "throttled");
  EXPECT_EQ(judge_answer(R"({"Error":{"Code":"SignatureDoesNotMatch"}})", 403), "aws_refused");
  EXPECT_EQ(judge_answer("", 403), "aws_refused");
}

}  // namespace
}  // namespace keyward::identity
