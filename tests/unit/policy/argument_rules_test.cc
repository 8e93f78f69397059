// `arguments` of an entry: how it is read, and what it lets through.
#include "unit/policy/policy_folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace keyward::policy::test {
namespace {

using testing::HasSubstr;

std::string said_of(const std::string& entry) {
  PolicyFolder folder;
  EXPECT_EQ(grants_of(folder.grant("    allow:\n      - " + entry + "\n")), nullptr) << entry;
  return folder.said();
}

TEST(ArgumentRules, ConfigGetShowsWhatIsNamedAndNeverASecret) {
  PolicyFolder folder;
  const auto grants = grants_of(folder.grant(R"(    allow:
      - commands: ["config|get"]
        arguments: {"config|get": ["MaxMemory*", save, "t[il]*"]}
)"));
  ASSERT_TRUE(grants) << folder.said();
  for (const char* name :
       {"maxmemory", "MAXMEMORY-policy", "maxmemory*", "maxmemory-?", "save", "timeout"}) {
    EXPECT_EQ(verdict(*grants, {"CONFIG", "GET", name}), "allow") << name;
  }
  for (const char* name : {"*", "max*", "m?xmemory", "port", "requirepass", "tls-key-file-pass"}) {
    EXPECT_EQ(verdict(*grants, {"CONFIG", "GET", name}), "deny") << name;
  }
  EXPECT_EQ(verdict(*grants, {"CONFIG", "GET", "save", "maxmemory"}), "allow");
  EXPECT_EQ(verdict(*grants, {"CONFIG", "GET", "save", "port"}), "deny");
  EXPECT_EQ(
      ask(*grants, {"CONFIG", "GET", "save", "port"}).reason,
      "argument 3 of 'config|get' is not among those that your grant allows: maxmemory*, save, "
      "t[il]* (rule team.yaml:8); ask the owners of grant 'g' (t@example.com) to add it under "
      "'arguments'");
}

TEST(ArgumentRules, NoRuleOpensSecretsOfTheServer) {
  PolicyFolder folder;
  const auto grants = grants_of(folder.grant(R"(    allow:
      - commands: ["config|get"]
        arguments: {"config|get": "*"}
)"));
  ASSERT_TRUE(grants) << folder.said();
  EXPECT_EQ(verdict(*grants, {"CONFIG", "GET", "port"}), "allow");
  EXPECT_EQ(verdict(*grants, {"CONFIG", "GET", "tls-cert-file"}), "allow");
  for (const char* name :
       {"*", "requirepass", "RequirePass", "require*", "?equirepass", "masterauth", "masteruser",
        "m*", "tls-key-file-pass", "tls-client-key-file-pass", "*pass", "primaryauth",
        "sentinel-pass", "search.admin-token", "module.secret", "[r]equirepass"}) {
    EXPECT_EQ(verdict(*grants, {"CONFIG", "GET", name}), "deny") << name;
  }
  EXPECT_EQ(verdict(*grants, {"CONFIG", "GET", std::string(200, 'a')}), "deny");
  EXPECT_THAT(ask(*grants, {"CONFIG", "GET", "*"}).reason,
              HasSubstr("takes in secrets of the server, which nobody is shown"));
}

TEST(ArgumentRules, ConfigGetWithoutNamesIsAnError) {
  EXPECT_THAT(said_of("{commands: [\"config|get\"]}"),
              HasSubstr("team.yaml:8:9: 'config|get' shows only the settings that its entry names; "
                        "write: arguments: {\"config|get\": [maxmemory]}"));
}

TEST(ArgumentRules, SortFollowsOnlyNamedPatterns) {
  PolicyFolder folder;
  const auto grants = grants_of(folder.grant(R"(    allow:
      - commands: [sort_ro, sort]
        read: ["*"]
        arguments:
          sort_ro: {by: ["weight:*"], get: ["object:*", "o2:*->name"]}
)"));
  ASSERT_TRUE(grants) << folder.said();
  const auto sort = [&](std::vector<std::string> options) {
    options.insert(options.begin(), {"SORT_RO", "list"});
    return verdict(*grants, options);
  };
  EXPECT_EQ(sort({"BY", "weight:*"}), "allow");
  EXPECT_EQ(sort({"BY", "weight:*->field"}), "allow");
  EXPECT_EQ(sort({"BY", "weight:x:*"}), "allow");
  EXPECT_EQ(sort({"BY", "nosort", "GET", "#", "GET", "object:*"}), "allow");
  EXPECT_EQ(sort({"GET", "o2:*->name"}), "allow");
  EXPECT_EQ(sort({"GET", "o2:*->other"}), "deny");
  EXPECT_EQ(sort({"BY", "object:*"}), "deny");
  EXPECT_EQ(sort({"GET", "weight:*"}), "deny");
  EXPECT_EQ(sort({"BY", "*"}), "deny");
  EXPECT_EQ(sort({"GET", "x"}), "deny");
  // SORT takes these bytes as themselves, a glob does not
  EXPECT_EQ(sort({"BY", "weight:?*"}), "deny");
  EXPECT_EQ(sort({"BY", "weight:*:*"}), "deny");
  EXPECT_EQ(verdict(*grants, {"SORT", "list", "BY", "weight:*"}), "deny");
  EXPECT_EQ(verdict(*grants, {"SORT", "list"}), "allow");
}

// Redis refuses BY and GET to whoever may not read every key; only a fixed user may do otherwise.
TEST(ArgumentRules, SortRulesWantEveryKeyUnlessTheUserIsFixed) {
  const char* entry = "{commands: [sort], keys: [\"a:*\"], arguments: {sort: {by: [\"a:w:*\"]}}}";
  EXPECT_THAT(said_of(entry), HasSubstr("team.yaml:8:61: Redis runs SORT with BY and GET patterns "
                                        "only for a user who may read every key"));
  PolicyFolder confined;
  EXPECT_EQ(grants_of(confined.grant(
                "    namespace: \"a:\"\n    allow:\n      - {commands: [sort], keys: [\"*\"], "
                "arguments: {sort: {by: [\"w:*\"]}}}\n")),
            nullptr);
  PolicyFolder fixed;
  const auto grants = grants_of(
      fixed.grant("    lease: {mode: static}\n    allow:\n      - " + std::string(entry) + "\n"));
  ASSERT_TRUE(grants) << fixed.said();
  EXPECT_EQ(verdict(*grants, {"SORT", "a:l", "BY", "a:w:*"}), "allow");
  PolicyFolder outside;
  const auto narrow = grants_of(outside.grant(
      "    lease: {mode: static}\n    allow:\n      - {commands: [sort], keys: [\"a:*\"], write: "
      "[\"w:*\"], arguments: {sort: {by: [\"*\"]}}}\n"));
  ASSERT_TRUE(narrow) << outside.said();
  EXPECT_EQ(verdict(*narrow, {"SORT", "a:l", "BY", "a:w:*"}), "allow");
  EXPECT_EQ(verdict(*narrow, {"SORT", "a:l", "BY", "b:w:*"}), "deny");
  EXPECT_EQ(verdict(*narrow, {"SORT", "a:l", "BY", "w:*"}), "deny");
}

TEST(ArgumentRules, BroadcastsStayInsideThePrefixesAndTheReadableKeys) {
  PolicyFolder folder;
  const auto grants = grants_of(folder.grant(R"(    allow:
      - commands: ["client|tracking"]
        keys: ["a:*", "b:[x]*"]
        write: ["w:*"]
        arguments: {"client|tracking": {bcast: ["a:", "b:", "w:"]}}
)"));
  ASSERT_TRUE(grants) << folder.said();
  const auto track = [&](const std::vector<std::string>& prefixes) {
    std::vector<std::string> argv{"CLIENT", "TRACKING", "ON", "BCAST"};
    for (const std::string& prefix : prefixes) argv.insert(argv.end(), {"PREFIX", prefix});
    return verdict(*grants, argv);
  };
  EXPECT_EQ(track({"a:"}), "allow");
  EXPECT_EQ(track({"a:x", "a:y"}), "allow");
  EXPECT_EQ(track({"a:", "c:"}), "deny");
  EXPECT_EQ(track({"a"}), "deny");
  EXPECT_EQ(track({""}), "deny");
  EXPECT_EQ(track({"b:x"}), "deny");  // names what the prefix takes in, not what the pattern does
  EXPECT_EQ(track({"w:"}), "deny");
  EXPECT_EQ(track({}), "error");
  EXPECT_EQ(verdict(*grants, {"CLIENT", "TRACKING", "ON"}), "allow");
}

TEST(ArgumentRules, NamesOfKeysAreRedissNamesUnderANamespace) {
  PolicyFolder folder;
  const auto grants = grants_of(folder.grant(R"(    namespace: "team:"
    allow:
      - commands: ["client|tracking"]
        keys: ["*"]
        arguments: {"client|tracking": {bcast: ["a:"]}}
)"));
  ASSERT_TRUE(grants) << folder.said();
  EXPECT_EQ(verdict(*grants, {"CLIENT", "TRACKING", "ON", "BCAST", "PREFIX", "team:a:"}), "allow");
  EXPECT_EQ(verdict(*grants, {"CLIENT", "TRACKING", "ON", "BCAST", "PREFIX", "a:"}), "deny");
}

TEST(ArgumentRules, InfoIsNarrowedToItsSections) {
  PolicyFolder folder;
  const auto grants = grants_of(folder.grant(R"(    allow:
      - {commands: [info], arguments: {info: [Server, "mem*"]}}
      - {commands: [get], keys: ["a:*"], arguments: {info: [cluster]}}
)"));
  ASSERT_TRUE(grants) << folder.said();
  EXPECT_EQ(folder.said(), "");
  EXPECT_EQ(grants->info_sections(), (std::vector<std::string>{"server", "mem*", "cluster"}));
  PolicyFolder all;
  EXPECT_TRUE(grants_of(all.grant("    allow: [{commands: [get], keys: [\"a:*\"]}]\n"))
                  ->info_sections()
                  .empty());
}

TEST(ArgumentRules, SaysWhichCommandsHaveRules) {
  EXPECT_THAT(said_of("{commands: [get], keys: [\"a:*\"], arguments: {get: [x]}}"),
              HasSubstr("'get' has no argument rules: only config|get, info, sort, sort_ro or "
                        "client|tracking have some"));
  EXPECT_THAT(said_of("{commands: [sort], keys: [\"*\"], arguments: {srot: {by: [x]}}}"),
              HasSubstr("'srot' has no argument rules: only config|get, info, sort, sort_ro or "
                        "client|tracking have some; write: sort"));
  EXPECT_THAT(said_of("{commands: [get], keys: [\"*\"], arguments: {sort: {by: [x]}}}"),
              HasSubstr("an argument rule for 'sort', which the entry does not grant"));
  EXPECT_THAT(said_of("{commands: [sort], keys: [\"*\"], arguments: {sort: [x]}}"),
              HasSubstr("the rules of 'sort' name its options"));
  EXPECT_THAT(said_of("{commands: [sort], keys: [\"*\"], arguments: {sort: {bi: [x]}}}"),
              HasSubstr("unknown key `bi`; write: by"));
  EXPECT_THAT(said_of("{commands: [sort], keys: [\"*\"], arguments: {sort: {by: []}}}"),
              HasSubstr("an argument rule without a pattern"));
  EXPECT_THAT(said_of("{commands: [sort], keys: [\"*\"], arguments: {sort: {by: [\"a b\"]}}}"),
              HasSubstr("1 to 512 bytes without white space"));
  EXPECT_THAT(
      said_of("{commands: [sort], keys: [\"*\"], arguments: {sort: {by: [\"{subject}:*\"]}}}"),
      HasSubstr("argument rules take no templates"));
  EXPECT_THAT(said_of("{commands: [\"client|tracking\"], keys: [\"a:*\"], arguments: "
                      "{\"client|tracking\": {bcast: [\"a:*\"]}}}"),
              HasSubstr("BCAST takes prefixes, not patterns; write: a:"));
  EXPECT_THAT(said_of("{commands: [info], arguments: {info: [sever]}}"),
              HasSubstr("INFO shows no such section; write: server"));
  EXPECT_THAT(said_of("{commands: [info], arguments: {info: {server: true}}}"),
              HasSubstr("the rules of 'info' are a list"));
  EXPECT_THAT(said_of("{commands: [info], arguments: [server]}"),
              HasSubstr("`arguments` must be a map"));
}

}  // namespace
}  // namespace keyward::policy::test
