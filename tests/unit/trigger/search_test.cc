#include "trigger/search.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace keyward::trigger {
namespace {

using ::testing::EndsWith;
using State = Search::State;

struct Asked {
  explicit Asked(std::int64_t version = 3) {
    rule.target.kind = TargetKind::conductor;
    rule.target.resource = "process/order";
    rule.target.version = version;
    connection.url = "https://conductor.example";
    what.name = "orders-1-0";
    what.time = WallTime(std::chrono::milliseconds(1'700'000'000'000));
    search = Search::of(rule, connection, what, what.time + std::chrono::seconds(5));
  }
  [[nodiscard]] std::string url() const {
    EXPECT_EQ(search->question().method, "GET");
    return search->question().url;
  }
  State says(int status, std::string_view body) { return search->answered(status, body); }
  Rule rule;
  Connection connection;
  Start what;
  std::optional<Search> search;
};

TEST(Search, OnlyOfTargetsThatDoNotKnowNames) {
  Asked asked;
  asked.rule.target.kind = TargetKind::airflow;
  EXPECT_FALSE(Search::of(asked.rule, asked.connection, asked.what, asked.what.time));
}

TEST(Search, AnIndexFindsItByItsCorrelationId) {
  Asked asked;
  EXPECT_EQ(asked.url(),
            "https://conductor.example/api/workflow/process%2Forder/correlated/orders-1-0"
            "?includeClosed=true&includeTasks=false");
  EXPECT_EQ(asked.says(200, R"([{"workflowId":"1"}])"), State::there);
}

TEST(Search, WithoutAnIndexThoseSinceTheEventAreLookedAt) {
  Asked asked;
  ASSERT_EQ(asked.says(200, "[]"), State::asks);
  EXPECT_EQ(asked.url(),
            "https://conductor.example/api/workflow/running/process%2Forder"
            "?version=3&startTime=1699999940000&endTime=1700000065000");
  ASSERT_EQ(asked.says(200, R"(["a/b","c","d"])"), State::asks);
  EXPECT_THAT(asked.url(), EndsWith("/api/workflow/a%2Fb?includeTasks=false"));
  ASSERT_EQ(asked.says(200, R"({"correlationId":"orders-1-1"})"), State::asks);
  EXPECT_EQ(asked.says(404, ""), State::asks);  // removed in between
  EXPECT_EQ(asked.says(200, R"({"correlationId":"orders-1-0"})"), State::there);
}

TEST(Search, NoneOfThemIsIt) {
  Asked asked;
  ASSERT_EQ(asked.says(404, ""), State::asks);
  ASSERT_EQ(asked.says(200, R"(["a","b"])"), State::asks);
  ASSERT_EQ(asked.says(200, "{}"), State::asks);
  EXPECT_EQ(asked.search->too_long(), State::absent);  // as large as none of ours
  Asked nothing;
  ASSERT_EQ(nothing.says(200, "[]"), State::asks);
  EXPECT_EQ(nothing.says(200, "[]"), State::absent);
}

TEST(Search, TheNewestVersionIsAskedFor) {
  Asked asked(0);
  ASSERT_EQ(asked.says(200, "[]"), State::asks);
  EXPECT_THAT(asked.url(), EndsWith("/api/metadata/workflow/process%2Forder"));
  ASSERT_EQ(asked.says(200, R"({"name":"process/order","version":7})"), State::asks);
  EXPECT_NE(asked.url().find("?version=7&"), std::string::npos);
  Asked gone(0);
  ASSERT_EQ(gone.says(200, "[]"), State::asks);
  EXPECT_EQ(gone.says(404, ""), State::absent);  // the start will say so
}

TEST(Search, WhatAServerDoesNotHaveTellsNothing) {
  Asked asked;
  ASSERT_EQ(asked.says(200, "[]"), State::asks);
  EXPECT_EQ(asked.says(403, ""), State::absent);
}

TEST(Search, TooManyToLookAt) {
  Asked asked;
  ASSERT_EQ(asked.says(200, "[]"), State::asks);
  std::string many = "[";
  for (int i = 0; i <= 200; ++i) many += (i > 0 ? ",\"" : "\"") + std::to_string(i) + "\"";
  EXPECT_EQ(asked.says(200, many + "]"), State::absent);
}

TEST(Search, NoAnswerIsNoAbsence) {
  for (const auto& [status, body] : std::vector<std::pair<int, std::string>>{
           {503, "[]"}, {401, ""}, {200, "<html>"}, {200, "{}"}, {200, "7"}}) {
    Asked first, second, third;
    EXPECT_EQ(first.says(status, body), State::failed) << status << body;
    ASSERT_EQ(second.says(200, "[]"), State::asks);
    EXPECT_EQ(second.says(status, body), State::failed) << status << body;
    if (body == "{}") continue;
    ASSERT_EQ(third.says(200, "[]"), State::asks);
    ASSERT_EQ(third.says(200, R"(["a"])"), State::asks);
    EXPECT_EQ(third.says(status, body), State::failed) << status << body;
  }
}

}  // namespace
}  // namespace keyward::trigger
