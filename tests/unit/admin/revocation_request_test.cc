// What is asked of /v1/revocations, as a value.
#include "admin/revocation_request.h"

#include <gtest/gtest.h>

namespace keyward::admin {
namespace {

using identity::Revocation;
using std::chrono::hours;
using std::chrono::seconds;

const WallTime kNow{seconds(1'800'000'000)};  // 2027-01-15T08:00:00Z

Result<Revocation> read(std::string_view body) {
  return read_revocation(body, "api 192.0.2.1", {"okta", "eks"}, kNow);
}
std::string error_of(std::string_view body) {
  const auto what = read(body);
  return what ? "" : what.error().message();
}

TEST(RevocationRequest, EveryTargetWithItsUsualLife) {
  const std::pair<const char*, hours> targets[] = {
      {R"("principal":"okta:bob")", hours(720)},
      {R"("token":"eks:jti-1")", hours(720)},
      {R"("token":"sha256:0123456789abcdef")", hours(720)},
      {R"("session":"0123456789ab")", hours(24)},
      {R"("lease":"kw_1")", hours(24)},
      {R"("credential":"kwc_1")", hours(720)}};
  for (const auto& [target, life] : targets) {
    const auto what = read("{" + std::string(target) + R"(,"reason":"left"})");
    ASSERT_TRUE(what) << target << what.error().message();
    EXPECT_NE(std::string(target).find(std::string(identity::name(what->target))),
              std::string::npos);
    EXPECT_EQ(what->until, kNow + life) << target;
    EXPECT_EQ(what->issued_before, WallTime::max());
    EXPECT_EQ(what->by, "api 192.0.2.1");
    EXPECT_EQ(what->reason, "left");
  }
}

TEST(RevocationRequest, TimesAndWhoAsks) {
  auto what = read(R"({"principal":"okta:a:b","reason":"r","issued_before":"2027-01-15T07:59:58.5Z",
                       "for":"90m","by":"alice"})");
  ASSERT_TRUE(what) << what.error().message();
  EXPECT_EQ(what->value, "okta:a:b");
  EXPECT_EQ(what->issued_before, kNow - seconds(2));
  EXPECT_EQ(what->until, kNow + seconds(5400));
  EXPECT_EQ(what->by, "api 192.0.2.1 (alice)");
  what = read(R"({"principal":"okta:b","reason":"r","issued_before":"now","until":1800000060})");
  ASSERT_TRUE(what) << what.error().message();
  EXPECT_EQ(what->issued_before, kNow);
  EXPECT_EQ(what->until, kNow + seconds(60));
}

TEST(RevocationRequest, WhatIsWrongIsSaidWithWhatToWrite) {
  const std::pair<const char*, const char*> cases[] = {
      {"", "JSON object"},
      {"[]", "JSON object"},
      {"{", "JSON object"},
      {R"({"reason":"r"})", "exactly one"},
      {R"({"principal":"okta:b","lease":"kw_1","reason":"r"})", "exactly one"},
      {R"({"principal":"okta:b"})", "\"reason\" is missing"},
      {R"({"principal":"okta:b","reason":""})", "1 to 512"},
      {R"({"principal":"okta:","reason":"r"})", "aliases here: okta, eks"},
      {R"({"principal":"bob","reason":"r"})", "aliases here: okta, eks"},
      {R"({"principal":"auth0:b","reason":"r"})", "aliases here: okta, eks"},
      {R"({"principal":7,"reason":"r"})", "is a text"},
      {R"({"token":"sha256:0123","reason":"r"})", "16 hex digits"},
      {R"({"token":"jti","reason":"r"})", "aliases here: okta, eks"},
      {R"({"session":"s","reason":"r","issued_before":"now"})", "belongs to a principal"},
      {R"({"session":"s","reason":"r","for":"1h","until":"2027-02-01T00:00:00Z"})", "not both"},
      {R"({"session":"s","reason":"r","for":"1w"})", "30m, 12h or 7d"},
      {R"({"session":"s","reason":"r","for":"-1h"})", "30m, 12h or 7d"},
      {R"({"session":"s","reason":"r","for":"367d"})", "366 days"},
      {R"({"session":"s","reason":"r","until":"2027-01-15T08:00:00Z"})", "over already"},
      {R"({"session":"s","reason":"r","until":"2027-02-30T00:00:00Z"})", "is a time like"},
      {R"({"session":"s","reason":"r","until":"2027-02-01T00:00:00+01:00"})", "is a time like"},
      {R"({"session":"s","reason":"r","until":true})", "is a time like"},
      {R"({"session":"s","reason":"r","unitl":"now"})", "\"unitl\" is none of"},
  };
  for (const auto& [body, said] : cases)
    EXPECT_NE(error_of(body).find(said), std::string::npos) << body << " -> " << error_of(body);
  const std::string long_text(513, 'x');
  EXPECT_NE(error_of(R"({"principal":"okta:)" + long_text + R"(","reason":"r"})"), "");
}

TEST(RevocationRequest, LiftingNeedsNoBody) {
  EXPECT_EQ(read_lift("", "api")->by, "api");
  EXPECT_EQ(read_lift(R"({"reason":"mistake","by":"alice"})", "api")->by, "api (alice)");
  EXPECT_EQ(read_lift(R"({"reason":"mistake"})", "api")->reason, "mistake");
  EXPECT_FALSE(read_lift("nonsense", "api"));
}

}  // namespace
}  // namespace keyward::admin
