#include "keyward/policy/snapshot.h"

#include "unit/policy/policy_folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

namespace keyward::policy::test {
namespace {

using testing::HasSubstr;

constexpr const char* kGood = R"(apiVersion: keyward/v1
team: data
owners: [data@example.com]
grants:
  - name: worker
    who:
      - {issuer: okta, groups: [workers]}
      - {issuer: eks, subject: "system:serviceaccount:airflow:*"}
    databases: [0, 2]
    allow:
      - commands: ["@read", "@write", "-@dangerous"]
        keys: ["data:*"]
      - commands: [publish, subscribe]
        channels: ["data:*"]
    limits: {connections: 200, commands_per_second: 20000, max_value: 8MiB, session: 12h}
    audit: {reads: true, durability: written}
expect:
  - as: {issuer: okta, subject: w1, groups: [workers]}
    allow: ["LPUSH data:celery x", "PUBLISH data:x m", 'SET "data:\x06 k" v']
    deny: ["GET other:secret", "FLUSHALL", "CONFIG GET *", "NOSUCH x", "SELECT 1"]
  - as: {issuer: okta, subject: w1, groups: [others]}
    deny: ["GET data:k"]
)";

TEST(Snapshot, LoadsTheWholeFormat) {
  PolicyFolder folder;
  const auto snapshot = folder.file("data.yaml", kGood).load({"okta", "eks"});
  ASSERT_TRUE(snapshot) << folder.said();
  EXPECT_EQ(snapshot->expectations(), 9U);
  EXPECT_EQ(snapshot->version().size(), 16U);
  ASSERT_EQ(snapshot->grants().size(), 1U);
  EXPECT_EQ(snapshot->grants()[0].name, "worker");
  EXPECT_EQ(snapshot->grants()[0].line, 5);
  const auto grants = snapshot->grants_named("worker");
  ASSERT_TRUE(grants);
  const Grants& g = **grants;
  EXPECT_EQ(g.databases(), (std::vector<std::uint32_t>{0, 2}));
  EXPECT_EQ(g.limits().connections, 200U);
  EXPECT_EQ(g.limits().session, std::chrono::hours(12));
  EXPECT_TRUE(g.audit().reads);
  ASSERT_EQ(g.entries().size(), 2U);
  EXPECT_EQ(g.entries()[0].max_value, 8U << 20);
  EXPECT_EQ(g.entries()[0].rule.text(), "data.yaml:11");
  EXPECT_EQ(g.policy_version(), snapshot->version());
}

TEST(Snapshot, SaysEverythingThatIsWrongAtOnceWithItsPlace) {
  PolicyFolder folder;
  const auto snapshot = folder
                            .file("bad.yaml", R"(apiVersion: keyward/v2
team: "no spaces"
owner: [x]
grants:
  - name: a
    who: [{issuer: octa, groups: [g]}]
    namespace: "a"
    mode: observed
    allow:
      - commands: [gett, "@reed", monitor, config, "config|gett"]
        keys: ["a b", "{claims.x}:*", ""]
      - keys: ["x:*"]
    limits: {connections: -1, max_valu: 3}
    audit: {durability: stict}
)")
                            .load({"okta", "eks"});
  EXPECT_FALSE(snapshot);
  const std::string said = folder.said();
  for (const char* part :
       {"bad.yaml:1:13: unknown apiVersion; write: keyward/v1", "bad.yaml:2:7: a name has 1 to 64",
        "bad.yaml:3:1: unknown key `owner`; write: owners",
        "bad.yaml:6:20: issuer `octa` is not in the configuration; write: okta",
        "bad.yaml:7:16: a namespace ends with one of : . / - _ |",
        "bad.yaml:8:11: unknown mode; write: observe",
        "bad.yaml:10:20: unknown command 'gett'; write: get",
        "bad.yaml:10:26: unknown category @reed; write: @read",
        "bad.yaml:10:35: 'monitor' is never given to clients",
        "bad.yaml:10:44: 'config' alone grants nothing",
        "bad.yaml:10:52: unknown command 'config|gett'; write: config|get",
        "bad.yaml:11:16: a pattern cannot hold white space",
        "bad.yaml:11:23: unknown template {claims.x}", "bad.yaml:11:39: an empty pattern",
        "bad.yaml:12:9: `commands` is required", "unknown key `max_valu`; write: max_value",
        "`connections` must be", "unknown durability; write: strict"}) {
    EXPECT_THAT(said, HasSubstr(part));
  }
}

TEST(Snapshot, TheStrongestDurabilityOfTheGrantsHolds) {
  using audit::Durability;
  AuditSettings settings;
  settings.by_default = true;
  EXPECT_EQ(settings.durability_or(Durability::synced), Durability::synced);
  settings.durability = Durability::async;
  EXPECT_EQ(settings.durability_or(Durability::written), Durability::written);
  settings.by_default = false;
  EXPECT_EQ(settings.durability_or(Durability::written), Durability::async);
  settings.durability = Durability::strict;
  EXPECT_EQ(settings.durability_or(Durability::written), Durability::strict);
}

TEST(Snapshot, RefusesOneNameInTwoFiles) {
  PolicyFolder folder;
  folder.file("a.yaml", kGood).file("sub/b.yml", kGood);
  EXPECT_FALSE(folder.load());
  EXPECT_THAT(folder.said(), HasSubstr("team 'data' is already in a.yaml:2"));
  EXPECT_THAT(folder.said(), HasSubstr("grant 'worker' is already in a.yaml:5"));
}

TEST(Snapshot, RefusesAnEmptyOrMissingFolder) {
  PolicyFolder folder;
  EXPECT_FALSE(folder.load());
  Diagnostics diagnostics;
  EXPECT_FALSE(
      Snapshot::load(folder.path() + "/none", command::Catalog::built_in(), {}, diagnostics));
  EXPECT_TRUE(diagnostics.failed());
}

TEST(Snapshot, FailedExpectationsAreErrorsAtTheirLines) {
  PolicyFolder folder;
  EXPECT_FALSE(folder
                   .grant("    allow: [{commands: [get], keys: [\"a:*\"]}]\n"
                          "expect:\n  - as: {issuer: okta}\n    allow:\n      - GET b:1\n    "
                          "deny:\n      - GET a:1\n")
                   .load());
  EXPECT_THAT(folder.said(),
              HasSubstr("team.yaml:11:9: expected to be allowed: `GET b:1` is refused"));
  EXPECT_THAT(folder.said(), HasSubstr("team.yaml:13:9: expected to be refused: `GET a:1` is "
                                       "allowed by grant 'g' (team.yaml:7)"));
}

TEST(Snapshot, WarnsOfADenyCaseThatShowsNothing) {
  PolicyFolder folder;
  EXPECT_TRUE(folder
                  .grant("    allow: [{commands: [get], keys: [\"a:*\"]}]\n"
                         "expect:\n  - {as: {issuer: okta}, deny: [GET]}\n")
                  .load());
  EXPECT_THAT(folder.said(), HasSubstr("team.yaml:9:33: warning:"));
}

TEST(Snapshot, VersionFollowsContentAndNames) {
  PolicyFolder a;
  PolicyFolder b;
  PolicyFolder c;
  a.file("x.yaml", kGood);
  b.file("x.yaml", kGood);
  c.file("y.yaml", kGood);
  const std::string version = a.load()->version();
  EXPECT_EQ(version, b.load()->version());
  EXPECT_NE(version, c.load()->version());
  b.file("x.yaml", std::string(kGood) + "# more\n");
  EXPECT_NE(version, b.load()->version());
}

TEST(Snapshot, ReadsAFolderAsAConfigMapMountsIt) {
  PolicyFolder folder;
  folder.file("..2026_01/data.yaml", kGood);
  std::filesystem::create_symlink("..2026_01", folder.path() + "/..data");
  std::filesystem::create_symlink("..data/data.yaml", folder.path() + "/data.yaml");
  std::filesystem::create_directory_symlink(folder.path(), folder.path() + "/loop");
  const auto snapshot = folder.load();
  ASSERT_TRUE(snapshot) << folder.said();
  EXPECT_EQ(snapshot->grants().size(), 1U);
}

TEST(Snapshot, RefusesALinkThatLeavesTheFolder) {
  PolicyFolder outside;
  outside.file("x.yaml", kGood);
  PolicyFolder folder;
  folder.file("data.yaml", kGood);
  std::filesystem::create_symlink(outside.path() + "/x.yaml", folder.path() + "/y.yaml");
  EXPECT_FALSE(folder.load());
  EXPECT_THAT(folder.said(), HasSubstr("y.yaml: is a link that leaves the policy folder"));
}

TEST(Snapshot, LoadsOneFile) {
  PolicyFolder folder;
  folder.file("sub/data.yaml", kGood);
  Diagnostics diagnostics;
  const auto snapshot = Snapshot::load(folder.path() + "/sub/data.yaml",
                                       command::Catalog::built_in(), {}, diagnostics);
  ASSERT_TRUE(snapshot) << diagnostics.text();
  EXPECT_EQ(snapshot->grants()[0].file, "data.yaml");
}

TEST(Snapshot, KnowsTheCommitOfItsFolder) {
  const std::string commit = "0123456789abcdef0123456789abcdef01234567";
  PolicyFolder folder;
  folder.file("policies/data.yaml", kGood).file(".git/HEAD", "ref: refs/heads/main\n");
  const auto load = [&] {
    Diagnostics diagnostics;
    return Snapshot::load(folder.path() + "/policies", command::Catalog::built_in(), {},
                          diagnostics)
        ->commit();
  };
  EXPECT_EQ(load(), "");
  folder.file(".git/packed-refs", "# pack-refs with: peeled\n" + commit + " refs/heads/main\n");
  EXPECT_EQ(load(), commit);
  folder.file(".git/refs/heads/main", std::string(40, 'a') + "\n");
  EXPECT_EQ(load(), std::string(40, 'a'));
}

TEST(Snapshot, MatchesWhoByEveryLineOfAnEntry) {
  PolicyFolder folder;
  const auto snapshot = folder
                            .file("a.yaml", R"(apiVersion: keyward/v1
team: a
grants:
  - name: both
    who: [{issuer: okta, subject: "w*", groups: [x, y], claims: {dep.unit: db, "kubernetes.io.namespace": ns}}]
    allow: [{commands: [get], keys: ["a:*"]}]
)")
                            .load();
  ASSERT_TRUE(snapshot) << folder.said();
  identity::Principal good = someone("w1", {"y"});
  good.claims["dep"] = {{"unit", "db"}};
  good.claims["kubernetes.io"] = {{"namespace", "ns"}};
  const auto granted = [&](const identity::Principal& principal) {
    const auto grants = snapshot->grants_for(principal);
    return grants.has_value() && *grants != nullptr;
  };
  EXPECT_TRUE(granted(good));
  identity::Principal other = good;
  other.issuer_alias = "eks";
  EXPECT_FALSE(granted(other));
  other = good;
  other.subject = "x1";
  EXPECT_FALSE(granted(other));
  other = good;
  other.groups = {"z"};
  EXPECT_FALSE(granted(other));
  other = good;
  other.claims["dep"] = {{"unit", "db2"}};
  EXPECT_FALSE(granted(other));
  other = good;
  other.claims["dep"] = {{"unit", {"web", "db"}}};
  EXPECT_TRUE(granted(other));
  other.claims.erase("kubernetes.io");
  EXPECT_FALSE(granted(other));
}

TEST(Snapshot, FillsTemplatesAndRefusesValuesThatWouldMoveThem) {
  PolicyFolder folder;
  const auto snapshot = folder
                            .file("a.yaml", R"(apiVersion: keyward/v1
team: a
grants:
  - name: own
    who: [{issuer: okta, subject: "*"}]
    allow: [{commands: [get, subscribe], keys: ["u:{subject}:*", '\{tag}:{claim.unit}:*'], channels: ["c:{subject}"]}]
)")
                            .load();
  ASSERT_TRUE(snapshot) << folder.said();
  identity::Principal principal = someone("w.1");
  principal.claims["unit"] = "db";
  const auto grants = snapshot->grants_for(principal);
  ASSERT_TRUE(grants);
  EXPECT_EQ((*grants)->entries()[0].keys[0].glob, "u:w.1:*");
  EXPECT_EQ((*grants)->entries()[0].keys[1].glob, "{tag}:db:*");
  EXPECT_EQ((*grants)->entries()[0].channels[0], "c:w.1");
  for (const std::string value : {"", "a:b", "*", "a b", "?", "[a]", "\\", "{", "ü", "a\n"}) {
    principal.claims["unit"] = value;
    const auto refused = snapshot->grants_for(principal);
    ASSERT_FALSE(refused) << value;
    EXPECT_EQ(refused.error().code(), Errc::forbidden);
    EXPECT_TRUE(refused.error().message().starts_with("template_value"))
        << refused.error().message();
    EXPECT_EQ(refused.error().message(),
              "template_value: {claim.unit} has a value other than 1 to 64 of A-Z a-z 0-9 _ . -");
  }
  principal.claims["unit"] = std::string(65, 'a');
  EXPECT_FALSE(snapshot->grants_for(principal));
  principal.claims.erase("unit");
  EXPECT_FALSE(snapshot->grants_for(principal));
  EXPECT_TRUE(snapshot->grants_named("own"));
  EXPECT_FALSE(snapshot->grants_named("none"));
}

TEST(Snapshot, TakesKubernetesNamesFromClaimsAndSubjectWhenTheyAgree) {
  PolicyFolder folder;
  const auto snapshot = folder
                            .file("a.yaml", R"(apiVersion: keyward/v1
team: a
grants:
  - name: own
    who: [{issuer: okta, subject: "*"}]
    allow: [{commands: [get], keys: ["{k8s.namespace}:{k8s.serviceaccount}:*"]}]
)")
                            .load();
  ASSERT_TRUE(snapshot) << folder.said();
  identity::Principal principal = someone("system:serviceaccount:airflow:worker");
  auto grants = snapshot->grants_for(principal);
  ASSERT_TRUE(grants);
  EXPECT_EQ((*grants)->entries()[0].keys[0].glob, "airflow:worker:*");
  principal.claims["kubernetes.io"] = {{"namespace", "airflow"},
                                       {"serviceaccount", {{"name", "worker"}}}};
  EXPECT_TRUE(snapshot->grants_for(principal));
  principal.claims["kubernetes.io"] = {{"namespace", "kube-system"},
                                       {"serviceaccount", {{"name", "worker"}}}};
  EXPECT_FALSE(snapshot->grants_for(principal));
  EXPECT_FALSE(snapshot->grants_for(someone("worker")));
}

TEST(Snapshot, MergesGrantsByTheMostGenerousLimit) {
  PolicyFolder folder;
  const auto snapshot = folder
                            .file("a.yaml", R"(apiVersion: keyward/v1
team: a
grants:
  - name: one
    who: [{issuer: okta, groups: [x]}]
    databases: [3]
    allow: [{commands: [get], keys: ["a:*"]}]
    limits: {connections: 5, session: 1h, commands_per_second: 10}
  - name: two
    who: [{issuer: okta, subject: w1}]
    allow: [{commands: [set], keys: ["b:*"]}]
    limits: {connections: 9, session: 2h}
)")
                            .load();
  ASSERT_TRUE(snapshot) << folder.said();
  const auto grants = *snapshot->grants_for(someone("w1", {"x"}));
  ASSERT_TRUE(grants);
  EXPECT_EQ(grants->limits().connections, 9U);
  EXPECT_EQ(grants->limits().commands_per_second, 0U);
  EXPECT_EQ(grants->limits().session, std::chrono::hours(2));
  EXPECT_EQ(grants->databases(), (std::vector<std::uint32_t>{0, 3}));
  EXPECT_EQ(grants->grant_names(), (std::vector<std::string>{"one", "two"}));
  EXPECT_EQ(verdict(*grants, {"GET", "a:1"}, {.db = 3}), "allow");
  EXPECT_EQ(verdict(*grants, {"GET", "a:1"}, {.db = 0}), "deny");
  const auto only = *snapshot->grants_for(someone("w1"));
  EXPECT_EQ(only->limits().connections, 9U);
  EXPECT_NE(only->rights_id(), grants->rights_id());
  EXPECT_EQ(*snapshot->grants_for(someone("nobody")), nullptr);
}

TEST(Snapshot, WarnsOfPrefixesThatEndInsideAName) {
  PolicyFolder folder;
  EXPECT_TRUE(folder
                  .grant("    allow:\n      - {commands: [get], keys: [\"app*\", \"a:*\", \"*\", "
                         "\"q\\x06\\x16*\", \"x\"]}\n")
                  .load());
  EXPECT_THAT(folder.said(), HasSubstr("team.yaml:8:34: warning: key pattern app* also covers"));
  EXPECT_EQ(folder.diagnostics().all().size(), 1U);
}

TEST(Snapshot, RightsIdIsEqualForEqualRights) {
  PolicyFolder a;
  PolicyFolder b;
  PolicyFolder c;
  a.grant("    allow: [{commands: [get, set], keys: [\"a:*\"]}]\n");
  b.grant("    # other words\n    allow: [{commands: [set, +get], keys: [\"a:*\"]}]\n");
  c.grant("    allow: [{commands: [set, get], keys: [\"b:*\"]}]\n");
  EXPECT_EQ(grants_of(a)->rights_id(), grants_of(b)->rights_id());
  EXPECT_NE(grants_of(a)->rights_id(), grants_of(c)->rights_id());
}

}  // namespace
}  // namespace keyward::policy::test
