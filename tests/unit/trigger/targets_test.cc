#include "trigger/outgoing.h"

#include "keyward/base/diagnostics.h"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

namespace keyward::trigger {
namespace {

using ::testing::HasSubstr;

const std::string kMachine = "arn:aws:states:eu-west-1:123456789012:stateMachine:orders";

Rule rule_of(TargetKind kind, std::string resource) {
  Rule rule;
  rule.name = "orders";
  rule.team = "shop";
  rule.target.kind = kind;
  rule.target.resource = std::move(resource);
  rule.target.via = "there";
  rule.target.type = "com.example.order";
  rule.target.source = "shop.orders";
  rule.target.detail_type = "OrderPlaced";
  return rule;
}
Connection http_at(std::string url) {
  Connection out;
  out.name = "there";
  out.url = std::move(url);
  return out;
}
Connection aws_in(std::string region) {
  Connection out;
  out.name = "there";
  out.kind = Connection::Kind::aws;
  out.region = std::move(region);
  return out;
}
Start start() {
  Start out;
  out.name = "orders-1699999999999-0";
  out.input = R"({"id":"7","note":"a \"b\""})";
  out.rule = "orders";
  out.subject = "shop:orders";
  out.principal = "okta:alice";
  out.time = WallTime(std::chrono::milliseconds(1'699'999'999'123));
  return out;
}
std::string header(const Outgoing& request, std::string_view name) {
  for (const auto& [key, value] : request.headers)
    if (key == name) return value;
  return "(absent)";
}
std::string words(const boost::json::value& value) {
  return value.is_string() ? std::string(value.as_string().c_str(), value.as_string().size())
                           : boost::json::serialize(value);
}
boost::json::object body_of(const Outgoing& request) {
  return boost::json::parse(request.body).as_object();
}

TEST(StepFunctions, StartsAnExecution) {
  const auto request =
      compose(rule_of(TargetKind::step_functions, kMachine), aws_in("eu-west-1"), start());
  ASSERT_TRUE(request);
  EXPECT_EQ(request->method, "POST");
  EXPECT_EQ(request->url, "https://states.eu-west-1.amazonaws.com/");
  EXPECT_EQ(request->service, "states");
  EXPECT_EQ(request->region, "eu-west-1");
  EXPECT_EQ(header(*request, "Content-Type"), "application/x-amz-json-1.0");
  EXPECT_EQ(header(*request, "X-Amz-Target"), "AWSStepFunctions.StartExecution");
  const auto body = body_of(*request);
  EXPECT_EQ(words(body.at("stateMachineArn")), kMachine);
  EXPECT_EQ(words(body.at("name")), "orders-1699999999999-0");
  EXPECT_EQ(words(body.at("input")), start().input);
  EXPECT_EQ(body.size(), 3U);
}

TEST(StepFunctions, TheArnSaysTheRegion) {
  const auto other =
      compose(rule_of(TargetKind::step_functions,
                      "arn:aws-cn:states:cn-north-1:123456789012:stateMachine:orders"),
              aws_in("eu-west-1"), start());
  EXPECT_EQ(other->url, "https://states.cn-north-1.amazonaws.com.cn/");
  EXPECT_EQ(other->region, "cn-north-1");
  Connection own = aws_in("eu-west-1");
  own.url = "https://vpce-1.states.example:8443/";
  EXPECT_EQ(compose(rule_of(TargetKind::step_functions, kMachine), own, start())->url, own.url);
}

TEST(StepFunctions, AnInputThatIsTooLargeIsNeverSent) {
  Start what = start();
  what.input = "\"" + std::string(262'142, 'x') + "\"";
  const Rule rule = rule_of(TargetKind::step_functions, kMachine);
  EXPECT_TRUE(compose(rule, aws_in("eu-west-1"), what));
  what.input += " ";
  const auto refused = compose(rule, aws_in("eu-west-1"), what);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message(), HasSubstr("262145"));
}

TEST(StepFunctions, Answers) {
  const auto judged = [](int status, const std::string& body) {
    return judge(TargetKind::step_functions, status, body);
  };
  const auto error = [](const std::string& type) {
    return R"({"__type":")" + type + R"(","message":"no"})";
  };
  const Answer started = judged(200, R"({"executionArn":"arn:x","startDate":1.7E9})");
  EXPECT_EQ(started.verdict, Answer::Verdict::done);
  EXPECT_FALSE(started.already);
  const Answer again = judged(400, error("com.amazonaws.swf.service.v2#ExecutionAlreadyExists"));
  EXPECT_EQ(again.verdict, Answer::Verdict::done);
  EXPECT_TRUE(again.already);
  for (const char* dead :
       {"InvalidName", "InvalidExecutionInput", "InvalidArn", "ValidationException",
        "StateMachineDoesNotExist", "StateMachineDeleting", "AccessDeniedException",
        "KmsAccessDeniedException", "SerializationException", "UnknownOperationException"}) {
    EXPECT_EQ(judged(400, error(dead)).verdict, Answer::Verdict::dead) << dead;
    EXPECT_EQ(judged(400, error(dead)).reason, dead);
  }
  for (const char* later : {"ThrottlingException", "ExecutionLimitExceeded",
                            "KmsThrottlingException", "ExpiredTokenException", "ExpiredToken",
                            "InvalidSignatureException", "UnrecognizedClientException",
                            "ServiceUnavailable", "RequestLimitExceeded", "InternalFailure"})
    EXPECT_EQ(judged(400, error(later)).verdict, Answer::Verdict::retry) << later;
  EXPECT_EQ(judged(400, error("ThrottlingException")).reason, "throttled");
  EXPECT_EQ(judged(503, "<html>").verdict, Answer::Verdict::retry);
  EXPECT_EQ(judged(503, "<html>").reason, "http_503");
  EXPECT_EQ(judged(500, error("InvalidName")).verdict, Answer::Verdict::retry);
  EXPECT_EQ(judged(403, "<html>a proxy</html>").verdict, Answer::Verdict::retry);
  EXPECT_EQ(judged(200, "{}").verdict, Answer::Verdict::retry);  // somebody else answered
  EXPECT_EQ(judged(200, "<html>").verdict, Answer::Verdict::retry);
}

TEST(StepFunctions, WhichAnswersAreAboutCredentials) {
  const auto about = [](const char* type) {
    return about_credentials(
        judge(TargetKind::step_functions, 400, std::string(R"({"__type":")") + type + R"("})"));
  };
  EXPECT_TRUE(about("ExpiredTokenException"));
  EXPECT_TRUE(about("UnrecognizedClientException"));
  EXPECT_FALSE(about("AccessDeniedException"));
  EXPECT_FALSE(about("ThrottlingException"));
}

TEST(EventBridge, PutsOneEvent) {
  const auto request =
      compose(rule_of(TargetKind::event_bridge, "default"), aws_in("us-east-1"), start());
  ASSERT_TRUE(request);
  EXPECT_EQ(request->url, "https://events.us-east-1.amazonaws.com/");
  EXPECT_EQ(header(*request, "Content-Type"), "application/x-amz-json-1.1");
  EXPECT_EQ(header(*request, "X-Amz-Target"), "AWSEvents.PutEvents");
  const auto body = body_of(*request);
  const auto& entry = body.at("Entries").as_array().at(0).as_object();
  EXPECT_EQ(words(entry.at("Detail")), start().input);
  EXPECT_EQ(words(entry.at("Source")), "shop.orders");
  EXPECT_EQ(words(entry.at("DetailType")), "OrderPlaced");
  EXPECT_EQ(words(entry.at("EventBusName")), "default");
  EXPECT_EQ(entry.at("Time").as_int64(), 1'699'999'999);
  Start text = start();
  text.input = "\"only text\"";
  EXPECT_FALSE(compose(rule_of(TargetKind::event_bridge, "default"), aws_in("us-east-1"), text));
}

TEST(EventBridge, AnEntryCanFailInAnAnswerThatIsGood) {
  const auto judged = [](const std::string& body) {
    return judge(TargetKind::event_bridge, 200, body);
  };
  EXPECT_EQ(judged(R"({"FailedEntryCount":0,"Entries":[{"EventId":"1"}]})").verdict,
            Answer::Verdict::done);
  const auto failed = [&](const char* code) {
    return judged(std::string(R"({"FailedEntryCount":1,"Entries":[{"ErrorCode":")") + code +
                  R"(","ErrorMessage":"m"}]})");
  };
  EXPECT_EQ(failed("ThrottlingException").verdict, Answer::Verdict::retry);
  EXPECT_EQ(failed("InternalFailure").verdict, Answer::Verdict::retry);
  EXPECT_EQ(failed("MalformedDetail").verdict, Answer::Verdict::dead);
  EXPECT_EQ(failed("NotAuthorizedForSourceException").verdict, Answer::Verdict::dead);
  for (const char* odd :
       {"{}", "[]", R"({"FailedEntryCount":1})", R"({"FailedEntryCount":1,"Entries":[]})",
        R"({"FailedEntryCount":1,"Entries":[{}]})"})
    EXPECT_EQ(judged(odd).verdict, Answer::Verdict::retry) << odd;
}

TEST(CloudEvents, Structured) {
  const auto request = compose(rule_of(TargetKind::http, "/hooks/orders?x=1"),
                               http_at("https://hooks.example/base/"), start());
  ASSERT_TRUE(request);
  EXPECT_EQ(request->url, "https://hooks.example/base/hooks/orders?x=1");
  EXPECT_EQ(header(*request, "Content-Type"), "application/cloudevents+json");
  EXPECT_EQ(header(*request, "Idempotency-Key"), "\"orders-1699999999999-0\"");
  const auto body = body_of(*request);
  EXPECT_EQ(words(body.at("specversion")), "1.0");
  EXPECT_EQ(words(body.at("id")), "orders-1699999999999-0");
  EXPECT_EQ(words(body.at("source")), "urn:keyward:trigger:orders");
  EXPECT_EQ(words(body.at("type")), "com.example.order");
  EXPECT_EQ(words(body.at("subject")), "shop:orders");
  EXPECT_EQ(words(body.at("time")), "2023-11-14T22:13:19.123Z");
  EXPECT_EQ(words(body.at("authid")), "okta:alice");
  EXPECT_EQ(words(body.at("data").at("id")), "7");
}

TEST(CloudEvents, Binary) {
  Rule rule = rule_of(TargetKind::http, "/");
  rule.target.binary = true;
  Start what = start();
  what.subject = "a b\"%\xc3\xa9\r\nX-Evil: 1";
  const auto request = compose(rule, http_at("https://hooks.example"), what);
  ASSERT_TRUE(request);
  EXPECT_EQ(request->body, what.input);
  EXPECT_EQ(header(*request, "Content-Type"), "application/json");
  EXPECT_EQ(header(*request, "ce-specversion"), "1.0");
  EXPECT_EQ(header(*request, "ce-subject"), "a%20b%22%25%C3%A9%0D%0AX-Evil:%201");
}

TEST(CloudEvents, AnswersAreThoseOfHttp) {
  const auto verdict = [](int status) { return judge(TargetKind::http, status, "").verdict; };
  for (const int done : {200, 201, 202, 204})
    EXPECT_EQ(verdict(done), Answer::Verdict::done) << done;
  for (const int later : {401, 408, 409, 425, 429, 500, 502, 503, 504})
    EXPECT_EQ(verdict(later), Answer::Verdict::retry) << later;
  for (const int dead : {301, 302, 400, 403, 404, 405, 410, 413, 415, 422})
    EXPECT_EQ(verdict(dead), Answer::Verdict::dead) << dead;
}

TEST(Airflow, BothApis) {
  Rule rule = rule_of(TargetKind::airflow, "load_orders");
  rule.target.api = "v2";
  const auto request = compose(rule, http_at("https://airflow.example"), start());
  ASSERT_TRUE(request);
  EXPECT_EQ(request->url, "https://airflow.example/api/v2/dags/load_orders/dagRuns");
  EXPECT_EQ(words(body_of(*request).at("dag_run_id")), "orders-1699999999999-0");
  EXPECT_TRUE(body_of(*request).at("logical_date").is_null());
  EXPECT_EQ(words(body_of(*request).at("conf").at("id")), "7");
  rule.target.api = "v1";
  const auto old = compose(rule, http_at("https://airflow.example"), start());
  EXPECT_EQ(old->url, "https://airflow.example/api/v1/dags/load_orders/dagRuns");
  EXPECT_EQ(body_of(*old).count("logical_date"), 0U);
  Start list = start();
  list.input = "[1]";
  EXPECT_FALSE(compose(rule, http_at("https://airflow.example"), list));
}

TEST(Airflow, ARunOfThatNameIsOurs) {
  const Answer same =
      judge(TargetKind::airflow, 409, R"({"detail":"DAGRun ID: 'x' already exists"})");
  EXPECT_EQ(same.verdict, Answer::Verdict::done);
  EXPECT_TRUE(same.already);
  const Answer moment =
      judge(TargetKind::airflow, 409,
            R"({"detail":"DAGRun with DAG ID: 'd' and DAGRun logical date: 't' already exists"})");
  EXPECT_EQ(moment.verdict, Answer::Verdict::retry);
}

TEST(Prefect, AFlowRunOfADeployment) {
  const auto request = compose(rule_of(TargetKind::prefect, "8c0d7e6e-41a1-4f0c-a9a0-0b8f0b8f0b8f"),
                               http_at("https://prefect.example/api"), start());
  ASSERT_TRUE(request);
  EXPECT_EQ(request->url,
            "https://prefect.example/api/deployments/8c0d7e6e-41a1-4f0c-a9a0-0b8f0b8f0b8f/"
            "create_flow_run");
  EXPECT_EQ(words(body_of(*request).at("idempotency_key")), "orders-1699999999999-0");
  EXPECT_EQ(words(body_of(*request).at("parameters").at("id")), "7");
  EXPECT_FALSE(judge(TargetKind::prefect, 201, "{}").already);
  EXPECT_TRUE(judge(TargetKind::prefect, 200, "{}").already);
  EXPECT_EQ(judge(TargetKind::prefect, 422, "{}").verdict, Answer::Verdict::dead);
}

TEST(Conductor, AWorkflow) {
  Rule rule = rule_of(TargetKind::conductor, "process/order");
  rule.target.version = 3;
  const auto request = compose(rule, http_at("https://conductor.example"), start());
  ASSERT_TRUE(request);
  EXPECT_EQ(request->url, "https://conductor.example/api/workflow");
  EXPECT_EQ(words(body_of(*request).at("name")), "process/order");
  EXPECT_EQ(body_of(*request).at("version").as_int64(), 3);
  EXPECT_EQ(words(body_of(*request).at("correlationId")), "orders-1699999999999-0");
  EXPECT_EQ(words(body_of(*request).at("idempotencyStrategy")), "RETURN_EXISTING");
  EXPECT_TRUE(request->once);
  EXPECT_FALSE(compose(rule_of(TargetKind::airflow, "dag"), http_at("https://a"), start())->once);
}

TEST(Answers, ReasonsAndDetailsAreBounded) {
  const Answer odd = answer(Answer::Verdict::dead, "a b\"" + std::string(100, 'x'), "l1\r\nl2\x01");
  EXPECT_EQ(odd.reason, "a_b_" + std::string(60, 'x'));
  EXPECT_EQ(odd.detail.find('\n'), std::string::npos);
  EXPECT_EQ(answer(Answer::Verdict::dead, "").reason, "unknown");
  EXPECT_EQ(judge_failure(Error(Errc::timeout, "t")).reason, "timeout");
  EXPECT_EQ(judge_failure(Error(Errc::unavailable, "t")).verdict, Answer::Verdict::retry);
}

TEST(Answers, JsonStringsAreAlwaysUtf8) {
  EXPECT_EQ(json_string("a\"\\\n\x7f\xc3\xa9"), "\"a\\\"\\\\\\u000a\\u007f\xc3\xa9\"");
  EXPECT_EQ(json_string("\xff\xc3"), "\"\\ufffd\\ufffd\"");
  const std::string controls("\0\x1f", 2);
  EXPECT_EQ(words(boost::json::parse(json_string(controls))), controls);
}

TEST(Answers, HostsAsTheHeaderSaysThem) {
  EXPECT_EQ(authority_of("https://a.example/"), "a.example");
  EXPECT_EQ(authority_of("https://a.example:443/x"), "a.example");
  EXPECT_EQ(authority_of("http://127.0.0.1:5000"), "127.0.0.1:5000");
  EXPECT_EQ(authority_of("http://a:80/"), "a");
  EXPECT_EQ(authority_of("https://a:80?q"), "a:80");
}

TEST(Connections, AreNamedByTheRuleAndOpenToTheTeam) {
  std::vector<Connection> all{http_at("https://a"), aws_in("eu-west-1")};
  all[1].name = "cloud";
  all[1].teams = {"shop"};
  Rule rule = rule_of(TargetKind::step_functions, kMachine);
  rule.file = "shop.yaml";
  rule.line = 7;
  Diagnostics wrong;
  EXPECT_EQ(connection_of(rule, all, wrong), nullptr);  // of another kind
  EXPECT_THAT(wrong.text(), HasSubstr("shop.yaml:7:1: trigger orders: connection there"));
  EXPECT_THAT(wrong.text(), HasSubstr("cloud"));
  rule.target.via = "cloud";
  Diagnostics fine;
  EXPECT_EQ(connection_of(rule, all, fine), &all[1]);
  EXPECT_FALSE(fine.failed());
  rule.team = "other";
  Diagnostics closed;
  EXPECT_EQ(connection_of(rule, all, closed), nullptr);
  EXPECT_THAT(closed.text(), HasSubstr("no connection cloud for team other"));
}

}  // namespace
}  // namespace keyward::trigger
