#include "keyward/policy/explain_case.h"

#include "cli/dev_config.h"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace keyward::cli {
namespace {

using namespace policy;  // what is tested
using testing::ElementsAre;
using testing::HasSubstr;

TEST(ExplainCase, TakesBytesAsLatin1) {
  const auto question =
      parse_case("{\"grant\":\"g\",\"argv\":[\"SET\",\"k\\u0000\\u00ff\",\"\xC3\xA9\"],\"db\":3}");
  ASSERT_TRUE(question) << question.error().message();
  EXPECT_EQ(question->grant, "g");
  EXPECT_EQ(question->db, 3U);
  EXPECT_THAT(question->argv, ElementsAre("SET", std::string("k\0\xff", 3), "\xE9"));
}

TEST(ExplainCase, RefusesEverythingElse) {
  for (const char* line : {"", "[]", "{}", "{\"grant\":\"g\"}", "{\"grant\":\"g\",\"argv\":[]}",
                           "{\"grant\":\"g\",\"argv\":[1]}", "{\"grant\":\"g\",\"argv\":\"GET k\"}",
                           "{\"grant\":1,\"argv\":[\"GET\"]}", "{\"argv\":[\"GET\"]}",
                           "{\"grant\":\"g\",\"as\":{\"issuer\":\"x\"},\"argv\":[\"GET\"]}",
                           "{\"as\":{},\"argv\":[\"GET\"]}", "{\"as\":[],\"argv\":[\"GET\"]}",
                           "{\"grant\":\"g\",\"argv\":[\"\\u0100\"]}",
                           "{\"grant\":\"g\",\"argv\":[\"GET\"],\"db\":-1}",
                           "{\"grant\":\"g\",\"argv\":[\"GET\"]} x"}) {
    EXPECT_FALSE(parse_case(line)) << line;
  }
}

TEST(ExplainCase, ReadsIdentities) {
  const auto question = parse_case(
      R"({"as":{"issuer":"okta","subject":"w1","groups":["a"],"claims":{"tid":"1"},"n":2},"argv":["PING"]})");
  ASSERT_TRUE(question) << question.error().message();
  ASSERT_TRUE(question->as);
  EXPECT_EQ(question->as->id, "okta:w1");
  EXPECT_EQ(question->as->issuer_alias, "okta");
  EXPECT_THAT(question->as->groups, ElementsAre("a"));
  EXPECT_EQ(question->as->claims.at("tid").as_string(), "1");
  EXPECT_EQ(question->as->claims.at("n").as_int64(), 2);
}

TEST(ClaimsFromText, TakesJsonAndYaml) {
  const auto json = claims_from_text(R"({"issuer":"okta","groups":["a"]})");
  const auto yaml = claims_from_text("{issuer: okta, groups: [a]}");
  ASSERT_TRUE(json);
  ASSERT_TRUE(yaml);
  EXPECT_EQ(*json, *yaml);
  EXPECT_FALSE(claims_from_text("okta"));
  EXPECT_FALSE(claims_from_text("{issuer: ["));
}

// The starter policy of `keyward dev`, asked through the same door as `policy explain --stdin`.
class StarterPolicy : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = (std::filesystem::temp_directory_path() / "keyward-explain-XXXXXX").string();
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    folder_ = name;
    std::ofstream(folder_ / "starter.yaml") << starter_policy();
    snapshot_ = policy::Snapshot::load(folder_.string(), command::Catalog::built_in(), {}, found_);
    ASSERT_NE(snapshot_, nullptr) << found_.text();
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  boost::json::object ask(const std::string& line) {
    Explainer explainer(snapshot_);
    const auto question = parse_case(line);
    if (!question) return error_answer(question.error().message());
    const auto answer = explainer.answer(*question);
    return answer ? to_json(*answer) : error_answer(answer.error().message());
  }
  std::filesystem::path folder_;
  Diagnostics found_;
  std::shared_ptr<const policy::Snapshot> snapshot_;
};

TEST_F(StarterPolicy, ExplainsByGrantAndByIdentity) {
  const auto allowed = ask(R"({"grant":"developer","argv":["GET","app:k"]})");
  EXPECT_EQ(allowed.at("verdict").as_string(), "allow");
  EXPECT_EQ(allowed.at("rule").as_string(), "developer");
  EXPECT_EQ(allowed.at("file").as_string(), "starter.yaml");
  EXPECT_GT(allowed.at("line").as_int64(), 0);
  const auto same = ask(
      R"({"as":{"issuer":"dev","subject":"alice","groups":["developers"]},"argv":["GET","app:k"]})");
  EXPECT_EQ(same.at("verdict").as_string(), "allow");
  const auto stranger =
      ask(R"({"as":{"issuer":"dev","subject":"alice","groups":["x"]},"argv":["GET","app:k"]})");
  EXPECT_EQ(stranger.at("verdict").as_string(), "deny");
  EXPECT_TRUE(stranger.at("rule").is_null());
}

TEST_F(StarterPolicy, AnswersDenialsAndErrorsAsValidJson) {
  const auto denied = ask("{\"grant\":\"developer\",\"argv\":[\"GET\",\"other\\u00ff\\u0000\"]}");
  EXPECT_EQ(denied.at("verdict").as_string(), "deny");
  const auto unknown = ask("{\"grant\":\"developer\",\"argv\":[\"NO\\u00ffSUCH\\n\"]}");
  EXPECT_EQ(unknown.at("verdict").as_string(), "error");
  for (const auto& answer : {denied, unknown}) {
    boost::system::error_code bad;
    EXPECT_EQ(boost::json::parse(boost::json::serialize(answer), bad).as_object().size(), 5U)
        << bad;
  }
  EXPECT_EQ(ask(R"({"grant":"nobody","argv":["GET","k"]})").at("verdict").as_string(), "error");
}

}  // namespace
}  // namespace keyward::cli
