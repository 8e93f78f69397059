#include "trigger/outgoing.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace keyward::trigger {
namespace {

using ::testing::HasSubstr;

Rule of(TargetKind kind) {
  Rule rule;
  rule.target.kind = kind;
  rule.target.resource = "a/b";
  return rule;
}

TEST(Check, WhatIsAskedStartsNothing) {
  Connection there;
  there.url = "https://there.example/api";
  for (const TargetKind kind : {TargetKind::airflow, TargetKind::prefect, TargetKind::conductor}) {
    const auto asked = compose_check(of(kind), there);
    ASSERT_TRUE(asked);
    EXPECT_EQ(asked->method, "GET");
    EXPECT_THAT(asked->url, HasSubstr("/a%2Fb"));
    EXPECT_EQ(asked->body, "");
  }
  EXPECT_FALSE(compose_check(of(TargetKind::http), there));
  there.kind = Connection::Kind::aws;
  there.region = "eu-west-1";
  EXPECT_EQ(compose_check(of(TargetKind::step_functions), there)->body,
            R"({"stateMachineArn":"a/b"})");
  EXPECT_EQ(compose_check(of(TargetKind::event_bridge), there)->body, R"({"Name":"a/b"})");
}

TEST(Check, WhatTheAnswerSays) {
  const Rule web = of(TargetKind::airflow);
  const Rule aws = of(TargetKind::step_functions);
  EXPECT_TRUE(judge_check(web, 200, "{}"));
  EXPECT_TRUE(judge_check(web, 403, ""));  // may start it, and not look at it
  EXPECT_EQ(judge_check(web, 401, "").error().code(), Errc::unauthorized);
  EXPECT_EQ(judge_check(web, 404, "").error().code(), Errc::not_found);
  EXPECT_EQ(judge_check(web, 503, "").error().code(), Errc::unavailable);
  EXPECT_TRUE(judge_check(aws, 200, "{}"));
  EXPECT_TRUE(judge_check(aws, 400, R"({"__type":"AccessDeniedException"})"));
  EXPECT_EQ(judge_check(aws, 400, R"({"__type":"UnrecognizedClientException"})").error().code(),
            Errc::unauthorized);
  EXPECT_EQ(judge_check(aws, 400, R"({"__type":"StateMachineDoesNotExist"})").error().code(),
            Errc::not_found);
  EXPECT_EQ(judge_check(aws, 403, "<html>").error().code(), Errc::unavailable);  // not AWS
}

}  // namespace
}  // namespace keyward::trigger
