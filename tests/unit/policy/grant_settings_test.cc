// Every word that a grant has beside its entries, read into Grants, and every complaint about one.
#include "unit/policy/policy_folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace keyward::policy::test {
namespace {

using std::chrono::hours;
using testing::HasSubstr;
using testing::Not;

constexpr const char* kAllow = "    allow: [{commands: [get, set], keys: [\"a:*\"]}]\n";

std::shared_ptr<const Grants> with(PolicyFolder& folder, const std::string& line) {
  return grants_of(folder.grant("    " + line + "\n" + kAllow));
}

// What is said of one grant with this line in it (line 7 of the file).
std::string said_of(const std::string& line) {
  PolicyFolder folder;
  EXPECT_EQ(with(folder, line), nullptr) << line;
  return folder.said();
}

TEST(GrantSettings, ReadsALimitOfEachKind) {
  PolicyFolder folder;
  const auto grants = with(folder,
                           "limits: {connections: 2, commands_per_second: 3, bytes_per_second: "
                           "4KiB, pipeline: 5, output_buffer: 6MiB, max_value: 7, session: 8h}");
  ASSERT_TRUE(grants) << folder.said();
  const Limits& limits = grants->limits();
  EXPECT_EQ(limits.connections, 2U);
  EXPECT_EQ(limits.commands_per_second, 3U);
  EXPECT_EQ(limits.bytes_per_second, 4096U);
  EXPECT_EQ(limits.pipeline, 5U);
  EXPECT_EQ(limits.output_buffer, 6U << 20);
  EXPECT_EQ(limits.session, hours(8));
  EXPECT_EQ(grants->entries()[0].max_value, 7U);
}

TEST(GrantSettings, RefusesLimitsThatNobodyCouldLiveWith) {
  EXPECT_THAT(said_of("limits: {output_buffer: 100}"), HasSubstr("team.yaml:7:29: it must be at "));
  EXPECT_THAT(said_of("limits: {bytes_per_second: 1}"), HasSubstr("write: 8MiB"));
  EXPECT_THAT(said_of("limits: {max_value: 0}"), HasSubstr("at least 1 byte; write: 1MiB"));
  EXPECT_THAT(said_of("limits: {pipeline: 0}"), HasSubstr("`pipeline` must be a whole number"));
  EXPECT_THAT(said_of("limits: {session: 10ms}"), HasSubstr("session must be at least 1s"));
  EXPECT_THAT(said_of("limits: {outputbuffer: 1MiB}"), HasSubstr("write: output_buffer"));
}

TEST(GrantSettings, ReadsANamespaceWithTemplates) {
  PolicyFolder folder;
  const auto grants = with(folder, "namespace: \"corner:{subject}:\"");
  ASSERT_TRUE(grants) << folder.said();
  EXPECT_EQ(grants->name_space(), "corner:w1:");
  EXPECT_EQ(grants->entries()[0].keys[0].glob, "corner:w1:a:*");
  PolicyFolder tagged;
  const auto slot = with(tagged, "namespace: '\\{team}:'");
  ASSERT_TRUE(slot) << tagged.said();
  EXPECT_EQ(slot->name_space(), "{team}:");
}

TEST(GrantSettings, HoldsANamespaceToPlainTextThatEndsALevel) {
  for (const char* bad : {"a*:", "a?:", "[a]:", "a\"b:", "a'b:", "a\\\\:", "a\\x01:"}) {
    EXPECT_THAT(said_of("namespace: \"" + std::string(bad) + "\""),
                testing::AnyOf(HasSubstr("a namespace is plain text"), HasSubstr("end of map"),
                               HasSubstr("team.yaml:7")))
        << bad;
  }
  EXPECT_THAT(said_of("namespace: \"a b:\""), HasSubstr("white space"));
  EXPECT_THAT(said_of("namespace: \"\""), HasSubstr("team.yaml:7:16: an empty namespace"));
  EXPECT_THAT(said_of("namespace: \"" + std::string(128, 'a') + ":\""),
              HasSubstr("at most 128 bytes"));
  EXPECT_THAT(
      said_of("namespace: app"),
      HasSubstr("team.yaml:7:16: a namespace ends with one of : . / - _ |, or it would take "
                "in names that only begin alike; write: \"app:\", or exact_prefix: true"));
  EXPECT_THAT(said_of("namespace: '\\{team}'"), HasSubstr("a namespace ends with one of"));
  EXPECT_THAT(said_of("namespace: \"{subjec}:\""), HasSubstr("unknown template {subjec}"));
  EXPECT_THAT(said_of("exact_prefix: true"), HasSubstr("`exact_prefix` belongs to `namespace`"));
  for (const char* good : {"a:", "a.", "a/", "a-", "a_", "a|"}) {
    PolicyFolder folder;
    EXPECT_TRUE(with(folder, "namespace: \"" + std::string(good) + "\"")) << folder.said();
  }
  PolicyFolder exact;
  const auto grants = with(exact, "namespace: app\n    exact_prefix: true");
  ASSERT_TRUE(grants) << exact.said();
  EXPECT_EQ(grants->name_space(), "app");
}

// "a-" is where "a-b-" begins: the values must be parted by a byte that none of them holds.
TEST(GrantSettings, TemplatesOfANamespaceCannotLieInEachOther) {
  for (const char* bad : {"{subject}-", "x:{subject}.", "{subject}_",
                          "{claim.a}{claim.b}:", "{claim.a}-{claim.b}:"}) {
    EXPECT_THAT(said_of("namespace: \"" + std::string(bad) + "\""),
                HasSubstr("could begin with all of another's"))
        << bad;
  }
  PolicyFolder keys;
  ASSERT_TRUE(grants_of(
      keys.grant("    allow: [{commands: [get], keys: [\"u-{subject}-*\", \"v-{subject}\"]}]\n")));
  EXPECT_THAT(keys.said(), HasSubstr("team.yaml:7:38: warning: values of {subject}"));
  EXPECT_THAT(keys.said(), Not(HasSubstr("7:55")));
}

TEST(GrantSettings, ReadsSafeScriptsOfANamespace) {
  PolicyFolder folder;
  const auto grants = with(folder,
                           "namespace: \"a:\"\n    scripts: "
                           "[DA39A3EE5E6B4B0D3255BFEF95601890AFD80709]");
  ASSERT_TRUE(grants) << folder.said();
  EXPECT_EQ(grants->safe_scripts(),
            std::vector<std::string>{"da39a3ee5e6b4b0d3255bfef95601890afd80709"});
  EXPECT_THAT(said_of("scripts: [da39a3ee5e6b4b0d3255bfef95601890afd80709]"),
              HasSubstr("team.yaml:7:14: `scripts` names what may run under a namespace"));
  EXPECT_THAT(said_of("namespace: \"a:\"\n    scripts: [return 1]"),
              HasSubstr("team.yaml:8:15: a script is named by its SHA-1"));
}

TEST(GrantSettings, WarnsOfScriptsThatWillNeverRun) {
  PolicyFolder folder;
  ASSERT_TRUE(grants_of(
      folder.grant("    namespace: \"a:\"\n    allow: [{commands: [evalsha], keys: [\"*\"]}]\n")));
  EXPECT_THAT(folder.said(),
              HasSubstr("warning: scripts will be refused: this grant has a namesp"));
}

TEST(GrantSettings, ReadsModes) {
  PolicyFolder observe;
  const auto grants = with(observe, "mode: observe");
  ASSERT_TRUE(grants) << observe.said();
  EXPECT_TRUE(grants->entries().back().observes);
  PolicyFolder enforce;
  EXPECT_FALSE(with(enforce, "mode: enforce")->entries().back().observes);
  EXPECT_THAT(said_of("mode: observer"), HasSubstr("team.yaml:7:11: unknown mode; write: observe"));
  EXPECT_THAT(said_of("mode: no"), HasSubstr("unknown mode; write: observe or enforce"));
}

TEST(GrantSettings, BreakGlassIsShortAndNeverOnlyObserves) {
  PolicyFolder usual;
  const auto grants = with(usual, "break_glass: true");
  ASSERT_TRUE(grants) << usual.said();
  EXPECT_TRUE(grants->break_glass());
  EXPECT_EQ(grants->limits().session, hours(1));
  EXPECT_EQ(usual.said(), "");
  PolicyFolder longest;
  EXPECT_EQ(with(longest, "break_glass: true\n    limits: {session: 4h}")->limits().session,
            hours(4));
  EXPECT_THAT(said_of("break_glass: true\n    limits: {session: 5h}"),
              HasSubstr("team.yaml:8:23: a session of `break_glass: true` lasts at most 4h"));
  EXPECT_THAT(said_of("break_glass: true\n    mode: observe"),
              HasSubstr("team.yaml:7:18: a grant for emergencies cannot only observe"));
  EXPECT_THAT(said_of("break_glass: yes"), HasSubstr("write: true"));
  PolicyFolder nobody;
  nobody.file("team.yaml", std::string("apiVersion: keyward/v1\nteam: t\ngrants:\n  - name: g\n"
                                       "    who: [{issuer: okta, subject: \"*\"}]\n"
                                       "    break_glass: true\n") +
                               kAllow);
  EXPECT_TRUE(nobody.load());
  EXPECT_THAT(nobody.said(), HasSubstr("team.yaml:6:18: warning: nobody is named as owner"));
}

TEST(GrantSettings, ReadsLeases) {
  PolicyFolder folder;
  const auto grants = with(folder, "lease: {scope: rights, mode: static}");
  ASSERT_TRUE(grants) << folder.said();
  EXPECT_TRUE(grants->lease().by_rights);
  EXPECT_TRUE(grants->lease().fixed);
  PolicyFolder usual;
  const auto plain = with(usual, "lease: {scope: principal, mode: issued}");
  ASSERT_TRUE(plain) << usual.said();
  EXPECT_FALSE(plain->lease().by_rights);
  EXPECT_FALSE(plain->lease().fixed);
  EXPECT_THAT(said_of("lease: {scope: right}"),
              HasSubstr("unknown scope of a lease; write: rights"));
  EXPECT_THAT(said_of("lease: {mode: sattic}"),
              HasSubstr("unknown mode of a lease; write: static"));
  EXPECT_THAT(said_of("lease: {}"), HasSubstr("`lease` says nothing"));
  EXPECT_THAT(said_of("lease: static"), HasSubstr("`lease` must be a map"));
}

TEST(GrantSettings, ReadsTtl) {
  PolicyFolder require;
  EXPECT_EQ(with(require, "ttl: {require: true}")->entries()[0].ttl.mode, TtlGuard::Mode::require);
  PolicyFolder apply;
  const auto grants = with(apply, "ttl: {apply: 24h}");
  ASSERT_TRUE(grants) << apply.said();
  EXPECT_EQ(grants->entries()[0].ttl.mode, TtlGuard::Mode::apply);
  EXPECT_EQ(grants->entries()[0].ttl.life, hours(24));
  EXPECT_THAT(said_of("ttl: {require: true, apply: 24h}"),
              HasSubstr("team.yaml:7:10: `ttl` wants one of `require` and `apply`"));
  EXPECT_THAT(said_of("ttl: {}"), HasSubstr("`ttl` wants one of"));
  EXPECT_THAT(said_of("ttl: {require: false}"), HasSubstr("no `ttl` at all"));
  EXPECT_THAT(said_of("ttl: {apply: 5ms}"), HasSubstr("an expiry is 1s to 3650d; write: 24h"));
  EXPECT_THAT(said_of("ttl: {aply: 1h}"), HasSubstr("unknown key `aply`; write: apply"));
  EXPECT_THAT(said_of("ttl: 1h"), HasSubstr("`ttl` must be a map"));
}

TEST(GrantSettings, KnowsTheLevelsOfDurability) {
  for (const char* level : {"async", "written", "synced", "strict"}) {
    PolicyFolder folder;
    const auto grants = with(folder, std::string("audit: {durability: ") + level + "}");
    ASSERT_TRUE(grants) << folder.said();
    EXPECT_EQ(grants->audit().durability, audit::durability_of(level));
    EXPECT_FALSE(grants->audit().by_default);
  }
  EXPECT_THAT(said_of("audit: {durability: write}"),
              HasSubstr("unknown durability; write: async or written or synced or strict"));
}

TEST(GrantSettings, SuggestsTheNearestWord) {
  EXPECT_THAT(said_of("name_space: \"a:\""), HasSubstr("write: namespace"));
  EXPECT_THAT(said_of("breakglass: true"), HasSubstr("write: break_glass"));
  EXPECT_THAT(said_of("leases: {scope: rights}"), HasSubstr("write: lease"));
}

}  // namespace
}  // namespace keyward::policy::test
