// A target over HTTP: one call from start() to its answer, against servers that behave well and
// badly.
#include "support/plain_server.h"
#include "trigger/caller.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <optional>

namespace keyward::trigger {
namespace {

using keyward::test::PlainServer;
using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

std::string said(int status, const std::string& body, const std::string& more = {}) {
  return "HTTP/1.1 " + std::to_string(status) + " X\r\n" + more +
         "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

struct Rig {
  explicit Rig(PlainServer& server, TargetKind kind = TargetKind::http) {
    rule.name = "orders";
    rule.target.kind = kind;
    rule.target.resource = kind == TargetKind::http ? "/hook" : "flow";
    rule.target.type = "t";
    rule.target.timeout = seconds(5);
    connection.name = "there";
    connection.url = server.url();
    connection.internal = true;
  }
  void make() {
    auto made = make_target(io, rule, connection);
    ASSERT_TRUE(made) << made.error().message();
    target = std::move(*made);
  }
  Answer call(std::uint32_t attempt = 1) {
    if (!target) make();
    Start what;
    what.name = "orders-1-0";
    what.input = "{}";
    what.attempt = attempt;
    std::optional<Answer> out;
    target->start(what, [&](Answer answer) {
      EXPECT_FALSE(out);
      out = std::move(answer);
    });
    EXPECT_FALSE(out) << "from inside the call";
    while (!out) {
      io.restart();
      io.run_one_for(seconds(1));
    }
    return *out;
  }
  boost::asio::io_context io;
  Rule rule;
  Connection connection;
  std::unique_ptr<Target> target;
};

TEST(TriggerCaller, CallsAndKeepsTheConnection) {
  PlainServer server([](int) { return said(202, ""); });
  Rig rig(server);
  for (int i = 0; i < 5; ++i) {
    const Answer answer = rig.call();
    EXPECT_EQ(answer.verdict, Answer::Verdict::done);
    EXPECT_EQ(answer.reason, "started");
  }
  EXPECT_EQ(server.connections, 1);
  EXPECT_THAT(server.heard().at(0), StartsWith("POST /hook HTTP/1.1"));
  EXPECT_THAT(server.heard().at(0), HasSubstr("\"id\":\"orders-1-0\""));
}

TEST(TriggerCaller, RetryAfterIsPassedOn) {
  PlainServer server([](int) { return said(503, "", "Retry-After: 7\r\n"); });
  Rig rig(server);
  const Answer answer = rig.call();
  EXPECT_EQ(answer.verdict, Answer::Verdict::retry);
  EXPECT_EQ(answer.reason, "http_503");
  EXPECT_EQ(answer.after, seconds(7));
}

TEST(TriggerCaller, ASecretIsReadForEachCall) {
  PlainServer server([](int) { return said(200, ""); });
  Rig rig(server);
  int asked = 0;
  rig.connection.secret = [&asked]() -> Result<Secret> {
    return Secret("secret" + std::to_string(++asked));
  };
  (void)rig.call();
  (void)rig.call();
  EXPECT_THAT(server.heard().at(0), HasSubstr("Authorization: Bearer secret1\r\n"));
  EXPECT_THAT(server.heard().at(1), HasSubstr("Authorization: Bearer secret2\r\n"));
}

TEST(TriggerCaller, WithAUserItIsBasic) {
  PlainServer server([](int) { return said(200, ""); });
  Rig rig(server);
  rig.connection.user = "u";
  rig.connection.secret = []() -> Result<Secret> { return Secret("p"); };
  (void)rig.call();
  EXPECT_THAT(server.heard().at(0), HasSubstr("Authorization: Basic dTpw\r\n"));
}

TEST(TriggerCaller, ASecretThatIsNoWordIsNeverSent) {
  PlainServer server([](int) { return said(200, ""); });
  Rig rig(server);
  rig.connection.secret = []() -> Result<Secret> { return Secret("p\r\nX-Evil: 1"); };
  const Answer answer = rig.call();
  EXPECT_EQ(answer.verdict, Answer::Verdict::retry);
  EXPECT_EQ(answer.reason, "secret");
  EXPECT_THAT(answer.detail, Not(HasSubstr("Evil")));
  EXPECT_EQ(server.requests, 0);
}

TEST(TriggerCaller, NoAnswerInTimeComesAgain) {
  PlainServer server([](int) {
    std::this_thread::sleep_for(milliseconds(400));
    return said(200, "");
  });
  Rig rig(server);
  rig.rule.target.timeout = milliseconds(100);
  const Answer answer = rig.call();
  EXPECT_EQ(answer.verdict, Answer::Verdict::retry);
  EXPECT_EQ(answer.reason, "timeout");
}

TEST(TriggerCaller, AnInputThatCannotFitIsDead) {
  PlainServer server([](int) { return said(200, ""); });
  Rig rig(server, TargetKind::airflow);
  rig.make();
  Start what;
  what.name = "n";
  what.input = "[]";
  std::optional<Answer> out;
  rig.target->start(what, [&](Answer answer) { out = std::move(answer); });
  rig.io.run_for(seconds(1));
  ASSERT_TRUE(out);
  EXPECT_EQ(out->verdict, Answer::Verdict::dead);
  EXPECT_EQ(out->reason, "invalid_input");
  EXPECT_EQ(server.requests, 0);
}

TEST(TriggerCaller, ConductorIsAskedBeforeASecondAttempt) {
  PlainServer server([](int request) {
    if (request == 3) return said(200, R"({"correlationId":"another-1-0"})");
    if (request == 4) return said(200, "an-id");
    if (request == 7) return said(200, R"({"correlationId":"orders-1-0"})");
    return said(200, request == 2 || request == 6 ? R"(["an-id"])" : "[]");
  });
  Rig rig(server, TargetKind::conductor);
  rig.rule.target.version = 2;
  EXPECT_EQ(rig.call(2).already, false);
  EXPECT_THAT(server.heard().at(0), StartsWith("GET /api/workflow/flow/correlated/orders-1-0?"));
  EXPECT_THAT(server.heard().at(1), StartsWith("GET /api/workflow/running/flow?version=2&start"));
  EXPECT_THAT(server.heard().at(2), StartsWith("GET /api/workflow/an-id?includeTasks=false HTTP"));
  EXPECT_THAT(server.heard().at(3), StartsWith("POST /api/workflow HTTP"));
  const Answer again = rig.call(3);
  EXPECT_EQ(again.verdict, Answer::Verdict::done);
  EXPECT_TRUE(again.already);
  EXPECT_EQ(server.requests, 7);
}

TEST(TriggerCaller, AStartWhoseConnectionEndsIsNotSentAgainUnasked) {
  PlainServer server([](int request) -> std::optional<std::string> {
    if (request == 1) return said(200, "an-id");
    return std::nullopt;
  });
  Rig rig(server, TargetKind::conductor);
  EXPECT_EQ(rig.call().verdict, Answer::Verdict::done);
  const Answer lost = rig.call();
  EXPECT_EQ(lost.verdict, Answer::Verdict::retry);
  EXPECT_EQ(lost.reason, "unreachable");
  EXPECT_EQ(server.requests, 2);
}

TEST(TriggerCaller, AwsIsSignedWithTheCredentialsOfTheEnvironment) {
  ::setenv("AWS_ACCESS_KEY_ID", "AKIATEST", 1);
  ::setenv("AWS_SECRET_ACCESS_KEY", "secret", 1);
  ::setenv("AWS_SESSION_TOKEN", "token", 1);
  PlainServer server([](int request) {
    return request == 1 ? said(400, R"({"__type":"ExpiredTokenException","message":"m"})")
                        : said(200, R"({"executionArn":"a"})");
  });
  Rig rig(server, TargetKind::step_functions);
  rig.rule.target.resource = "arn:aws:states:eu-west-1:123456789012:stateMachine:o";
  rig.connection.kind = Connection::Kind::aws;
  rig.connection.region = "eu-west-1";
  EXPECT_EQ(rig.call().verdict, Answer::Verdict::retry);
  EXPECT_EQ(rig.call().verdict, Answer::Verdict::done);
  const std::string heard = server.heard().at(0);
  EXPECT_THAT(heard, HasSubstr("Authorization: AWS4-HMAC-SHA256 Credential=AKIATEST/"));
  EXPECT_THAT(heard, HasSubstr("/eu-west-1/states/aws4_request, SignedHeaders=content-type;host;"
                               "x-amz-date;x-amz-security-token;x-amz-target, "));
  EXPECT_THAT(heard, HasSubstr("X-Amz-Security-Token: token\r\n"));
  for (const char* name : {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"})
    ::unsetenv(name);
}

TEST(TriggerCaller, NobodyIsCalledAfterItsEnd) {
  PlainServer server([](int) { return said(200, ""); });
  Rig rig(server);
  rig.make();
  bool called = false;
  Start what;
  what.input = "{}";
  rig.target->start(what, [&](const Answer&) { called = true; });
  rig.target.reset();
  rig.io.run_for(milliseconds(100));
  rig.make();
  rig.target->start(what, [&](const Answer&) { called = true; });
  rig.io.restart();
  rig.io.poll();
  rig.target.reset();
  rig.io.restart();
  rig.io.run_for(milliseconds(200));
  EXPECT_FALSE(called);
}

}  // namespace
}  // namespace keyward::trigger
