#include "admin/api.h"

#include <boost/json/parse.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>

namespace keyward::admin {
namespace {

using testing::HasSubstr;

Sources with_policy() {
  Sources sources;
  sources.policy = [] {
    PolicyStatus status;
    status.version = "v1";
    status.last_attempt.ok = false;
    status.last_attempt.diagnostics.error("a.yaml", 3, 5, "wrong", "right");
    return status;
  };
  return sources;
}

ApiRequest request(std::string_view method, std::string_view target) {
  return {.method = method,
          .target = target,
          .body = {},
          .host = "127.0.0.1:9380",
          .authorization = {},
          .content_type = {},
          .own_header = "1",
          .from_browser_page = false,
          .peer = "127.0.0.1",
          .loopback_listener = true};
}

Page ask(const ApiRequest& asked, const Sources& sources) {
  std::optional<Page> out;
  answer_api(asked, sources, [&](Page page) { out = std::move(page); });
  EXPECT_TRUE(out.has_value());
  return out.value_or(Page{});
}

TEST(Api, TellsWhyTheLastAttemptFailed) {
  const Page page = ask(request("GET", "/v1/policy?x"), with_policy());
  EXPECT_EQ(page.status, 200U);
  const auto body = boost::json::parse(page.body);
  EXPECT_EQ(body.at("version").as_string(), "v1");
  EXPECT_TRUE(body.at("commit").is_null());
  const auto& complaint = body.at("last_attempt").at("diagnostics").at(0);
  EXPECT_EQ(complaint.at("file").as_string(), "a.yaml");
  EXPECT_EQ(complaint.at("line").as_int64(), 3);
  EXPECT_EQ(complaint.at("column").as_int64(), 5);
}

TEST(Api, AReloadAnswersWhenItIsOver) {
  Sources sources = with_policy();
  std::function<void()> finish;
  std::string trigger;
  sources.reload = [&](const std::string& by, std::function<void()> done) {
    trigger = by;
    finish = std::move(done);
    return true;
  };
  std::optional<Page> out;
  answer_api(request("POST", "/v1/policy/reload"), sources, [&](Page page) { out = page; });
  EXPECT_FALSE(out.has_value());
  EXPECT_EQ(trigger, "api 127.0.0.1");
  finish();
  ASSERT_TRUE(out.has_value());
  EXPECT_EQ(out->status, 422U);
  EXPECT_FALSE(boost::json::parse(out->body).at("ok").as_bool());
}

TEST(Api, NoReloadWhenTooManyWait) {
  Sources sources = with_policy();
  sources.reload = [](const std::string&, std::function<void()>) { return false; };
  EXPECT_EQ(ask(request("POST", "/v1/policy/reload"), sources).status, 503U);
}

TEST(Api, WebPagesAreKeptOut) {
  const Sources sources = with_policy();
  ApiRequest plain = request("POST", "/v1/policy/explain");
  plain.own_header = {};
  EXPECT_EQ(ask(plain, sources).status, 403U);
  plain.content_type = "application/x-www-form-urlencoded";
  EXPECT_EQ(ask(plain, sources).status, 403U);
  plain.content_type = "application/json; charset=utf-8";
  EXPECT_NE(ask(plain, sources).status, 403U);
  plain.from_browser_page = true;
  EXPECT_EQ(ask(plain, sources).status, 403U);
  for (const std::string_view host : {"", "evil.example:9380", "127.0.0.1.evil.example:9380",
                                      "localhost.evil.example", "127.evil.example:1", "[::2]:1"}) {
    ApiRequest rebound = request("GET", "/v1/policy");
    rebound.host = host;
    EXPECT_EQ(ask(rebound, sources).status, 403U) << host;
  }
  for (const std::string_view host : {"localhost", "localhost:9380", "127.0.0.2:1", "[::1]:9380"}) {
    ApiRequest local = request("GET", "/v1/policy");
    local.host = host;
    EXPECT_EQ(ask(local, sources).status, 200U) << host;
  }
}

TEST(Api, BeyondLoopbackOnlyWithTheToken) {
  Sources sources = with_policy();
  ApiRequest remote = request("GET", "/v1/policy");
  remote.loopback_listener = false;
  remote.host = "keyward.example:9380";
  EXPECT_EQ(ask(remote, sources).status, 403U);
  sources.token = [] { return Result<Secret>(Secret("s3cret")); };
  EXPECT_EQ(ask(remote, sources).status, 401U);
  for (const std::string_view wrong : {"Bearer", "Bearer ", "Bearer s3cre", "Bearer s3cret ",
                                       "bearer s3cret", "Basic s3cret", "s3cret"}) {
    remote.authorization = wrong;
    EXPECT_EQ(ask(remote, sources).status, 401U) << wrong;
  }
  remote.authorization = "Bearer s3cret";
  EXPECT_EQ(ask(remote, sources).status, 200U);
  sources.token = [] { return Result<Secret>(Error(Errc::io, "gone")); };
  EXPECT_EQ(ask(remote, sources).status, 503U);
}

TEST(Api, KnowsItsPaths) {
  EXPECT_TRUE(is_api("/v1/policy"));
  EXPECT_FALSE(is_api("/metrics"));
  EXPECT_FALSE(is_api("/?/v1/"));
  EXPECT_EQ(ask(request("GET", "/v1/nosuch"), with_policy()).status, 404U);
  const Page wrong = ask(request("GET", "/v1/policy/reload"), with_policy());
  EXPECT_EQ(wrong.status, 405U);
  EXPECT_EQ(wrong.allow, "POST");
}

TEST(Api, ExplainsOnlyWhatItCanRead) {
  Sources sources = with_policy();
  ApiRequest broken = request("POST", "/v1/policy/explain");
  broken.body = "{";
  EXPECT_EQ(ask(broken, sources).status, 400U);
  ApiRequest fine = broken;
  fine.body = R"({"grant":"g","argv":["GET","k"]})";
  EXPECT_EQ(ask(fine, sources).status, 503U) << "nothing is loaded yet";
}

}  // namespace
}  // namespace keyward::admin
