// The worksheet of an access review: out, in, signed, compared.
#include "unit/review/trail_maker.h"

#include "keyward/report/access_review.h"
#include "keyward/report/folder.h"

#include <gtest/gtest.h>

namespace keyward::report {
namespace {

using review::test::load;
using review::test::TrailMaker;

const std::string kPolicy = R"(
apiVersion: keyward/v1
team: shop
grants:
  - name: web
    who:
      - {issuer: okta, groups: [web]}
      - {issuer: okta, subject: "batch*"}
    limits: {session: 2h}
    allow: [{commands: [get, set], keys: ["shop:*", "odd\x06:*"]}]
  - name: idle
    who: [{issuer: okta, groups: [nobody]}]
    allow: [{commands: [get], keys: ["idle:*"]}]
)";

std::string replaced(std::string text, const std::string& what, const std::string& by) {
  text.replace(text.find(what), what.size(), by);
  return text;
}

Review review_of(const std::string& policy) {
  TrailMaker trail;
  trail.as("okta", "alice", {"web"}).run({"SET", "shop:1", "v"}).run({"GET", "shop:1"});
  trail.as("okta", "batch-7").run({"GET", "shop:2"});
  Reviewer reviewer(load(policy));
  static_cast<void>(trail.each([&](const review::Record& one) { reviewer.add(one); }));
  return reviewer.finish();
}

Review read(const std::string& text) {
  Diagnostics diagnostics;
  Review out = read_worksheet("sheet.yaml", text, diagnostics);
  EXPECT_FALSE(diagnostics.failed()) << diagnostics.text() << text;
  return out;
}

std::vector<std::string> changes(const ReviewDiff& diff) {
  std::vector<std::string> out;
  for (const ReviewChange& one : diff.changes) out.push_back(one.what + " " + one.grant);
  return out;
}

TEST(Review, EachRowHasItsOwnUse) {
  const Review review = review_of(kPolicy);
  ASSERT_EQ(review.rows.size(), 3U);
  EXPECT_EQ(review.rows[0].grant, "idle");
  EXPECT_EQ(review.rows[0].used.count, 0U);
  const ReviewRow& group = review.rows[1];
  EXPECT_EQ(group.who, "{issuer: okta, groups: [web]}");
  EXPECT_EQ(group.used.count, 2U);
  EXPECT_EQ(group.used_by, std::vector<std::string>{"okta:alice"});
  EXPECT_EQ(group.limits, "a session lasts 2 h 0 min at most");
  EXPECT_EQ(review.rows[2].used_by, std::vector<std::string>{"okta:batch-7"});
}

TEST(Review, AWorksheetReadsBackAsItWas) {
  const Review review = review_of(kPolicy);
  const std::string text = worksheet(review);
  const Review back = read(text);
  EXPECT_EQ(worksheet(back), text);
  EXPECT_TRUE(compare(back, review).changes.empty());
}

TEST(Review, AnUndecidedRowIsNamedWithItsLine) {
  Review review = review_of(kPolicy);
  review.rows[0].decision = "keep";
  review.rows[1].decision = "perhaps";
  review.rows[2].decision = "change";
  Diagnostics diagnostics;
  check_finished("sheet.yaml", read(worksheet(review)), diagnostics);
  const std::string told = diagnostics.text();
  EXPECT_EQ(diagnostics.all().size(), 2U) << told;
  EXPECT_NE(told.find("is decided by none of keep, remove, change"), std::string::npos) << told;
  EXPECT_NE(told.find("does not say what to change"), std::string::npos) << told;
}

TEST(Review, ASignatureCoversAllOfIt) {
  const PrivateKey key = PrivateKey::make();
  Review review = review_of(kPolicy);
  // As many zeros as a signature has: what somebody wrote does not move it.
  review.rows[0].comment = std::string(kOpenSignature);
  const std::string text =
      signed_worksheet(worksheet(review), {"Ann", "2026-11-22T08:00:00Z", "00ff"}, key);
  EXPECT_EQ(*check_signed(text, key.public_key()), key.public_key().id());
  EXPECT_EQ(read(text).reviewer, "Ann");
  EXPECT_FALSE(check_signed(text, PrivateKey::make().public_key()).has_value());
  EXPECT_FALSE(check_signed(replaced(text, "Ann", "Bob"), std::nullopt).has_value());
  EXPECT_FALSE(check_signed(replaced(text, "shop:*", "*"), std::nullopt).has_value());
  EXPECT_FALSE(check_signed(text + "# more\n", std::nullopt).has_value());
  EXPECT_FALSE(check_signed(worksheet(review), std::nullopt).has_value());
}

TEST(ReviewDiff, SaysWhoGainedAndLost) {
  const Review before = read(worksheet(review_of(kPolicy)));
  EXPECT_EQ(changes(compare(before, review_of(replaced(kPolicy, "[get, set]", "[get, set, del]")))),
            (std::vector<std::string>{"widened web", "widened web"}));
  EXPECT_EQ(changes(compare(before, review_of(replaced(kPolicy, "\"idle:*\"", "\"idle:a*\"")))),
            std::vector<std::string>{"narrowed idle"});
  EXPECT_EQ(
      changes(compare(before, review_of(replaced(kPolicy, "groups: [nobody]", "groups: [all]")))),
      (std::vector<std::string>{"new idle", "removed idle"}));
  EXPECT_EQ(changes(compare(before, review_of(replaced(kPolicy, "\"shop:*\"", "\"shop:1\"")))),
            (std::vector<std::string>{"narrowed web", "narrowed web", "newly unused web"}));
}

TEST(ReviewDiff, SaysWhetherDecisionsWereCarriedOut) {
  Review before = review_of(kPolicy);
  before.rows[0].decision = "remove";
  before.rows[1].decision = "change";
  before.rows[2].decision = "keep";
  const ReviewDiff same = compare(before, review_of(kPolicy));
  ASSERT_EQ(same.decisions.size(), 2U);
  EXPECT_FALSE(same.decisions[0].done || same.decisions[1].done);
  const std::string gone = kPolicy.substr(0, kPolicy.find("  - name: idle"));
  const ReviewDiff later = compare(before, review_of(replaced(gone, "[get, set]", "[get]")));
  EXPECT_TRUE(later.decisions[0].done && later.decisions[1].done);
}

}  // namespace
}  // namespace keyward::report
