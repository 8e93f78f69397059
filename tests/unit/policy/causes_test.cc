// What a grant may cause: by its own permission, known to Redis as no more than it takes.
#include "unit/policy/policy_folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace keyward::policy::test {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

constexpr const char* kGrants = R"(apiVersion: keyward/v1
team: shop
owners: [shop@example.com]
grants:
  - name: orders
    who: [{issuer: okta, groups: [orders]}]
    allow: [{commands: [xadd, set, publish], keys: ["shop:*"], channels: ["shop:*"]}]
  - name: refunds
    who: [{issuer: okta, groups: [orders]}]
    allow: [{commands: [xadd], keys: ["shop:o*"]}]
  - name: guest
    who: [{issuer: okta, groups: [guests]}]
    allow: [{commands: [xadd, set], keys: ["shop:*"]}]
)";

constexpr const char* kTriggers = R"(triggers:
  - name: orders
    source: {stream: "shop:orders"}
    from: [orders, refunds]
    target: {kind: http, via: h}
    dead_letter: {stream: "shop:dead"}
  - name: jobs
    source: {channel: "shop:jobs"}
    from: [orders]
    target: {kind: http, via: h}
    dead_letter: {stream: "shop:dead"}
  - name: timers
    source: {expired: "shop:timer:*"}
    from: [orders]
    target: {kind: http, via: h}
    dead_letter: {stream: "shop:dead"}
)";

std::shared_ptr<const Snapshot> load(const std::string& text) {
  PolicyFolder folder;
  folder.file("shop.yaml", text);
  const auto out = folder.load();
  EXPECT_NE(out, nullptr) << folder.said();
  return out;
}

std::shared_ptr<const Grants> grants_of(const Snapshot& snapshot, const std::string& group) {
  return *snapshot.grants_for(someone("x", {group}));
}

std::string causing(const Grants& grants, const Cause& cause,
                    const std::vector<std::string_view>& argv, std::uint32_t db = 0) {
  command::Command command;
  EXPECT_EQ(command::analyse(*command::Catalog::built_in(), argv, command).verdict,
            command::Verdict::ok);
  return grants.causing(cause, command, {.db = db});
}

TEST(Causes, NameTheGrantsThatPermitTheCommand) {
  const auto snapshot = load(std::string(kGrants) + kTriggers);
  const auto grants = grants_of(*snapshot, "orders");
  ASSERT_EQ(grants->causes().size(), 3U);
  const Cause& orders = grants->causes()[0];
  EXPECT_EQ(orders.name, "shop:orders");
  EXPECT_EQ(causing(*grants, orders, {"XADD", "shop:orders", "*", "a", "b"}), "orders,refunds");
  EXPECT_EQ(causing(*grants, orders, {"XADD", "shop:x", "*", "a", "b"}), "orders");
  EXPECT_EQ(causing(*grants, orders, {"XADD", "other", "*", "a", "b"}), "");
  EXPECT_EQ(causing(*grants, orders, {"XADD", "shop:orders", "*", "a", "b"}, 1), "");
  EXPECT_TRUE(grants_of(*snapshot, "guests")->causes().empty());
}

std::vector<std::string> closed(const Snapshot& snapshot, const std::string& group) {
  std::vector<std::string> out;
  for (const Cause& cause : grants_of(snapshot, group)->closed_sources()) {
    EXPECT_TRUE(cause.grants.empty());
    out.push_back(cause.what);
  }
  return out;
}

TEST(Causes, OfOthersAreKnownAsFarAsTheGrantsReach) {
  const auto snapshot = load(std::string(kGrants) + kTriggers);
  EXPECT_THAT(closed(*snapshot, "orders"), IsEmpty());
  // No PUBLISH; and of a stream the engine tells.
  EXPECT_THAT(closed(*snapshot, "guests"), ElementsAre("timers of shop:timer:*"));
  const Cause timers = grants_of(*snapshot, "guests")->closed_sources()[0];
  EXPECT_EQ(timers.file, "shop.yaml");
  EXPECT_EQ(timers.line, 25);
  const std::string others = R"(  - name: others
    who: [{issuer: okta, groups: [others]}]
    namespace: "shop:"
    allow: [{commands: [publish], channels: ["j*"]}, {commands: [get], read: ["timer:1"]}]
  - name: narrow
    who: [{issuer: okta, groups: [narrow]}]
    allow: [{commands: [expire, publish], keys: ["shop:t*:7"], channels: ["shop:jobs2"]}]
)";
  const auto more = load(kGrants + others + kTriggers);
  EXPECT_THAT(closed(*more, "others"), ElementsAre("jobs of shop:jobs"));
  EXPECT_THAT(closed(*more, "narrow"), ElementsAre("timers of shop:timer:*"));
  EXPECT_TRUE(grants_of(*more, "narrow")->reach_sources());
  EXPECT_FALSE(grants_of(*load(kGrants), "guests")->reach_sources());
}

TEST(Causes, AreRights) {
  const auto with = load(std::string(kGrants) + kTriggers), without = load(kGrants);
  EXPECT_NE(grants_of(*with, "orders")->rights_id(), grants_of(*without, "orders")->rights_id());
  EXPECT_EQ(grants_of(*with, "guests")->rights_id(), grants_of(*without, "guests")->rights_id());
}

TEST(Causes, GiveTheRedisUserWhatLeavesThemAndNothingElse) {
  const auto grants = grants_of(*load(std::string(kGrants) + kTriggers), "orders");
  const std::string base = "keyward:fleet:trigger:";
  const auto& tokens = grants->acl().tokens;
  EXPECT_THAT(tokens, Contains("(resetchannels -@all ~" + base + "jobs:events +xadd)"));
  EXPECT_THAT(tokens, Contains("(resetchannels -@all ~" + base + "timers:due ~" + base +
                               "timers:timers +eval +zadd +zrem +hset +hdel)"));
  EXPECT_THAT(tokens, Contains("(resetchannels -@all %R~shop:timer:* +pttl)"));
  EXPECT_THAT(tokens, Not(Contains(HasSubstr("trigger:orders"))));
  const auto guest = grants_of(*load(std::string(kGrants) + kTriggers), "guests");
  for (const std::string& token : guest->acl().tokens)
    EXPECT_THAT(token, Not(HasSubstr("keyward:")));
}

}  // namespace
}  // namespace keyward::policy::test
