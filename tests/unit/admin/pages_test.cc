#include "admin/pages.h"

#include <boost/json/parse.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace keyward::admin {
namespace {

using testing::HasSubstr;

Sources with(std::vector<ReadyCheck> checks) {
  Sources sources;
  sources.readiness = [checks] { return checks; };
  sources.metrics = [] {
    prometheus::MetricFamily family;
    family.name = "keyward_sessions";
    family.help = "Live sessions.";
    family.type = prometheus::MetricType::Gauge;
    family.metric.emplace_back();
    family.metric.back().gauge.value = 3;
    family.metric.back().label = {{"listener", "a\"b\\c\nd"}};
    return std::vector<prometheus::MetricFamily>{family};
  };
  return sources;
}

TEST(Pages, HealthNeedsNothing) {
  const Page page = render({"GET", "/healthz", ""}, Sources{});
  EXPECT_EQ(page.status, 200U);
  EXPECT_EQ(page.body, "ok\n");
}

TEST(Pages, ReadyOnlyWhenEveryCheckHolds) {
  const Page good =
      render({"GET", "/readyz", ""}, with({{"redis", true, ""}, {"audit", true, ""}}));
  EXPECT_EQ(good.status, 200U);
  EXPECT_EQ(good.body, "ok   redis\nok   audit\nready\n");
  const Page bad = render({"GET", "/readyz", ""},
                          with({{"redis", false, "connection refused"}, {"audit", true, ""}}));
  EXPECT_EQ(bad.status, 503U);
  EXPECT_EQ(bad.body, "FAIL redis: connection refused\nok   audit\nnot ready\n");
}

TEST(Pages, NothingKnownIsNotReady) {
  EXPECT_EQ(render({"GET", "/readyz", ""}, Sources{}).status, 503U);
  EXPECT_EQ(render({"GET", "/readyz", ""}, with({})).status, 503U);
}

TEST(Pages, ReadinessAsJsonWhenAskedFor) {
  const Page page = render({"GET", "/readyz", "text/html, application/json;q=0.9"},
                           with({{"redis", false, "no \"answer\""}}));
  EXPECT_EQ(page.content_type, "application/json");
  EXPECT_EQ(page.status, 503U);
  const auto value = boost::json::parse(page.body);
  EXPECT_FALSE(value.at("ready").as_bool());
  EXPECT_EQ(value.at("checks").at(0).at("detail").as_string(), "no \"answer\"");
}

TEST(Pages, MetricsAreEscapedPrometheusText) {
  const Page page = render({"GET", "/metrics?x=1", ""}, with({}));
  EXPECT_EQ(page.status, 200U);
  EXPECT_THAT(page.body, HasSubstr("# TYPE keyward_sessions gauge\n"));
  EXPECT_THAT(page.body, HasSubstr("keyward_sessions{listener=\"a\\\"b\\\\c\\nd\"} 3"));
}

TEST(Pages, OtherPathsAndMethodsAreRefused) {
  for (const char* path : {"/healthz/", "/healthz/..", "//metrics", "", "/v1/sessions", "*"}) {
    EXPECT_EQ(render({"GET", path, ""}, Sources{}).status, 404U) << path;
  }
  for (const char* method : {"POST", "PUT", "DELETE", "OPTIONS", "TRACE", "get"}) {
    const Page page = render({method, "/healthz", ""}, Sources{});
    EXPECT_EQ(page.status, 405U) << method;
    EXPECT_EQ(page.allow, "GET, HEAD");
  }
}

}  // namespace
}  // namespace keyward::admin
