#include "keyward/aws/credentials.h"

#include <boost/json/parse.hpp>
#include <gtest/gtest.h>

namespace keyward::aws {
namespace {

TEST(AwsCredentials, ProfilesOfAFile) {
  const std::string file =
      "# comment\n[default]\naws_access_key_id = AKIA1\naws_secret_access_key=s1\n\n"
      "[ work ]\r\naws_access_key_id=AKIA2\r\naws_secret_access_key = s2\r\naws_session_token=t\r\n"
      "[half]\naws_access_key_id=AKIA3\n";
  const auto first = read_profile(file, "default");
  ASSERT_TRUE(first);
  EXPECT_EQ(first->access_key, "AKIA1");
  EXPECT_EQ(first->secret_key.reveal(), "s1");
  const auto second = read_profile(file, "work");
  ASSERT_TRUE(second);
  EXPECT_EQ(second->session_token, "t");
  EXPECT_FALSE(read_profile(file, "half"));
  EXPECT_FALSE(read_profile(file, "absent"));
}

TEST(AwsCredentials, StsSaysWhenTheyEnd) {
  const auto result = boost::json::parse(R"({"Credentials": {"AccessKeyId": "ASIA1",
    "SecretAccessKey": "s", "SessionToken": "t", "Expiration": 1.8E9}})");
  const auto found = read_sts_credentials(result.as_object());
  ASSERT_TRUE(found);
  EXPECT_EQ(found->keys.session_token, "t");
  ASSERT_TRUE(found->expires);
  EXPECT_EQ(*found->expires, WallTime(std::chrono::seconds(1'800'000'000)));
}

TEST(AwsCredentials, StsInWords) {
  const auto result = boost::json::parse(R"({"Credentials": {"AccessKeyId": "ASIA1",
    "SecretAccessKey": "s", "SessionToken": "t", "Expiration": "2027-01-15T08:00:00Z"}})");
  const auto found = read_sts_credentials(result.as_object());
  ASSERT_TRUE(found && found->expires);
  EXPECT_EQ(*found->expires, WallTime(std::chrono::seconds(1'800'000'000)));
}

TEST(AwsCredentials, AnythingElseIsNone) {
  for (const char* text : {R"({})", R"({"Credentials": 1})", R"({"Credentials": {}})",
                           R"({"Credentials": {"AccessKeyId": "A"}})",
                           R"({"Credentials": {"AccessKeyId": 1, "SecretAccessKey": 2}})"})
    EXPECT_FALSE(read_sts_credentials(boost::json::parse(text).as_object())) << text;
}

TEST(AwsCredentials, AnEndOutOfAllBoundsIsNoEnd) {
  for (const char* when : {"-5", "1e300", "1e11", "\"soon\"", "null"}) {
    const auto result = boost::json::parse(
        std::string(
            R"({"Credentials": {"AccessKeyId": "A", "SecretAccessKey": "s", "Expiration": )") +
        when + "}}");
    const auto found = read_sts_credentials(result.as_object());
    ASSERT_TRUE(found) << when;
    EXPECT_FALSE(found->expires) << when;
  }
}

}  // namespace
}  // namespace keyward::aws
