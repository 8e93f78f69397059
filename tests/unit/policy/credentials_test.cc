// `credentials:` of a grant: what is read, what is refused, and which rights a credential carries.
#include "unit/policy/policy_folder.h"

#include <gmock/gmock.h>

namespace keyward::policy::test {
namespace {

using identity::Vended;
using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

constexpr const char* kTwoGrants = R"(
apiVersion: keyward/v1
team: t
owners: [t@example.com]
grants:
  - name: queue
    who: [{issuer: okta, subject: "*"}]
    credentials: {proxy: 2h, direct: 15m}
    allow:
      - commands: ["@read", "@write", "@blocking", keys, dbsize, "pubsub|channels", subscribe, psubscribe, publish]
        keys: ["q:*"]
        channels: ["q:*", "__keyevent@0__:*"]
  - name: cache
    who: [{issuer: okta, subject: "*"}]
    credentials: {proxy: 1h}
    allow: [{commands: [get], keys: ["c:*"]}]
  - name: own
    who: [{issuer: okta, subject: "*"}]
    allow: [{commands: [get], keys: ["o:*"]}]
)";

std::string said_of(const std::string& setting) {
  PolicyFolder folder;
  EXPECT_EQ(
      folder.grant("    " + setting + "\n    allow: [{commands: [get], keys: [\"a:*\"]}]\n").load(),
      nullptr)
      << setting;
  return folder.said();
}

identity::Principal vended(Vended::Mode mode, std::vector<std::string> grants) {
  identity::Principal out = someone();
  out.vended = {mode, "kwc_x", std::move(grants)};
  return out;
}

TEST(Credentials, AreReadAndRefusedWithWhatToWriteInstead) {
  PolicyFolder folder;
  const auto snapshot = folder.file("t.yaml", kTwoGrants).load();
  ASSERT_TRUE(snapshot) << folder.said();
  EXPECT_EQ(snapshot->grants().front().credentials.proxy, hours(2));
  EXPECT_EQ(snapshot->grants().front().credentials.direct, minutes(15));
  EXPECT_EQ(snapshot->grants().back().credentials.proxy, seconds(0));

  EXPECT_THAT(said_of("credentials: {}"), HasSubstr("team.yaml:7:18: `credentials` says nothing; "
                                                    "write: credentials: {proxy: 1h}"));
  EXPECT_THAT(said_of("credentials: {proxy: 13h}"),
              HasSubstr("team.yaml:7:26: a credential lives 1s to 12h; write: 1h"));
  EXPECT_THAT(said_of("credentials: {proxy: 10ms, direct: 0s}"),
              testing::AllOf(HasSubstr("7:26: a credential lives"), HasSubstr("write: 15m")));
  EXPECT_THAT(said_of("credentials: {proxi: 1h}"), HasSubstr("proxy"));
  EXPECT_THAT(said_of("break_glass: true\n    credentials: {proxy: 1h}"),
              HasSubstr("8:18: a grant for emergencies gives out no credentials"));
}

TEST(Credentials, DirectOnesAreRefusedWhereRedisAloneDoesNotHoldTheGrant) {
  EXPECT_THAT(said_of("lease: {mode: static}\n    credentials: {direct: 1h}"),
              HasSubstr("8:27: `credentials.direct` and `lease: {mode: static}` exclude"));
  EXPECT_THAT(said_of("mode: observe\n    credentials: {direct: 1h}"),
              HasSubstr("`mode: observe` exclude each other"));
  EXPECT_THAT(said_of("ttl: {require: true}\n    credentials: {direct: 1h}"),
              HasSubstr("`ttl` exclude each other"));
  for (const char* wide : {"*", "?:*", "[k]eyward:*"}) {
    PolicyFolder folder;
    EXPECT_EQ(folder
                  .grant("    credentials: {direct: 1h}\n    allow: [{commands: [get], keys: [\"" +
                         std::string(wide) + "\"]}]\n")
                  .load(),
              nullptr);
    EXPECT_THAT(folder.said(), HasSubstr("a direct credential would reach keys of Keyward's own"));
  }
  // Under a namespace "*" is the namespace.
  PolicyFolder named;
  EXPECT_TRUE(named
                  .grant("    namespace: \"a:\"\n    credentials: {direct: 1h}\n"
                         "    allow: [{commands: [get], keys: [\"*\"]}]\n")
                  .load())
      << named.said();
}

TEST(Credentials, CarryOnlyGrantsThatSaySoAndLiveAsLongAsTheShortest) {
  PolicyFolder folder;
  const auto snapshot = folder.file("t.yaml", kTwoGrants).load();
  ASSERT_TRUE(snapshot) << folder.said();
  auto all = snapshot->vendable_for(someone(), Vended::Mode::proxy, {});
  EXPECT_THAT(all.grants, ElementsAre("queue", "cache"));
  EXPECT_EQ(all.life, hours(1));
  EXPECT_THAT(all.refused, IsEmpty());
  auto some = snapshot->vendable_for(someone(), Vended::Mode::proxy, {"queue", "own", "nobodys"});
  EXPECT_THAT(some.grants, ElementsAre("queue"));
  EXPECT_EQ(some.life, hours(2));
  EXPECT_THAT(some.refused, ElementsAre("own", "nobodys"));
  EXPECT_THAT(snapshot->vendable_for(someone(), Vended::Mode::direct, {}).grants,
              ElementsAre("queue"));
}

TEST(Credentials, LoginsByThemHaveNoOtherGrants) {
  PolicyFolder folder;
  const auto snapshot = folder.file("t.yaml", kTwoGrants).load();
  ASSERT_TRUE(snapshot) << folder.said();
  const auto grants = [&](Vended::Mode mode, std::vector<std::string> names) {
    return snapshot->grants_for(vended(mode, std::move(names))).value();
  };
  EXPECT_THAT(grants(Vended::Mode::proxy, {"queue"})->grant_names(), ElementsAre("queue"));
  EXPECT_EQ(grants(Vended::Mode::proxy, {"own"}), nullptr);     // never gave out any
  EXPECT_EQ(grants(Vended::Mode::direct, {"cache"}), nullptr);  // not in this mode
  EXPECT_EQ(grants(Vended::Mode::proxy, {}), nullptr);
  EXPECT_THAT(snapshot->grants_for(someone()).value()->grant_names(),
              ElementsAre("queue", "cache", "own"));
}

TEST(Credentials, DirectOnesHoldOnlyWhatRedisHolds) {
  PolicyFolder folder;
  const auto snapshot = folder.file("t.yaml", kTwoGrants).load();
  ASSERT_TRUE(snapshot) << folder.said();
  const auto proxy = snapshot->grants_for(vended(Vended::Mode::proxy, {"queue"})).value();
  const auto direct = snapshot->grants_for(vended(Vended::Mode::direct, {"queue"})).value();
  EXPECT_NE(proxy->rights_id(), direct->rights_id());
  const auto has = [&](const char* command) {
    const auto* info = snapshot->catalog().by_name(command);
    return direct->entries().front().commands.contains(info->id);
  };
  for (const char* kept : {"get", "set", "brpop", "subscribe", "publish", "geosearch"})
    EXPECT_TRUE(has(kept)) << kept;
  for (const char* gone : {"scan", "keys", "dbsize", "pubsub|channels", "georadius"})
    EXPECT_FALSE(has(gone)) << gone;
  EXPECT_THAT(direct->entries().front().channels, ElementsAre("q:*"));
  EXPECT_THAT(direct->acl().tokens, testing::Contains("+client|setname"));
  EXPECT_THAT(proxy->acl().tokens, Not(testing::Contains("+client|setname")));
  EXPECT_THAT(testing::PrintToString(direct->acl().notes),
              testing::AllOf(HasSubstr("scan"), HasSubstr("keyspace events")));
}

}  // namespace
}  // namespace keyward::policy::test
