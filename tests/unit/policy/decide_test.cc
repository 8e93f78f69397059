#include "support/allocations.h"
#include "unit/policy/policy_folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>

namespace keyward::policy::test {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr const char* kMixed = R"(    databases: [0, 1]
    allow:
      - {commands: ["@read", "@write", keys], keys: ["a:*"], read: ["r:*"], write: ["w:*"]}
      - {commands: [publish, subscribe, psubscribe, punsubscribe], channels: ["c:*", "one"]}
      - {commands: [get], keys: ["b:*"]}
    limits: {max_value: 10}
)";

TEST(Decide, KeepsACommandInsideOneEntry) {
  PolicyFolder folder;
  const auto grants = grants_of(folder.grant(kMixed));
  ASSERT_TRUE(grants) << folder.said();
  EXPECT_EQ(verdict(*grants, {"MGET", "a:1", "r:1"}), "allow");
  EXPECT_EQ(verdict(*grants, {"GET", "b:1"}), "allow");
  EXPECT_EQ(verdict(*grants, {"MGET", "a:1", "b:1"}), "deny");
  EXPECT_EQ(verdict(*grants, {"SET", "b:1", "v"}), "deny");
}

// Whatever is granted, and where only `mode: observe` grants it.
TEST(Decide, NobodyNamesAKeyOfTheProxysOwn) {
  constexpr const char* kEverything = R"(    databases: [0, 1]
    allow:
      - commands: ["@all", sort, eval, "-@dangerous", sort, flushdb]
        keys: ["*"]
        arguments: {sort: {by: ["*"], get: ["*", "keyward:fleet:*"]}}
)";
  for (const std::string mode : {"", "    mode: observe\n"}) {
    PolicyFolder folder;
    const auto grants = grants_of(folder.grant(mode + kEverything));
    ASSERT_TRUE(grants) << folder.said();
    const std::string key = "keyward:fleet:revocations";
    const std::vector<std::vector<std::string>> naming = {
        {"GET", key},
        {"DEL", "a", key},
        {"RENAME", "a", key},
        {"RENAME", key, "a"},
        {"COPY", "a", key},
        {"SORT", key},
        {"SORT", "a", "STORE", key},
        {"SORT", "a", "GET", "#", "GET", "keyward:fleet:*"},
        {"SORT", "a", "BY", "keyward:fleet:*->f"},
        {"EVAL", "return 1", "2", "a", key},
        {"XREAD", "STREAMS", "a", key, "0", "0"},
        {"OBJECT", "ENCODING", key},
        {"GET", "keyward:fleet:"},
    };
    for (const auto& argv : naming) {
      const auto answer = ask(*grants, argv);
      EXPECT_EQ(name(answer.verdict), "deny") << argv[0];
      EXPECT_THAT(answer.reason,
                  HasSubstr("begins with 'keyward:fleet:', which is this proxy's own"))
          << argv[0];
      EXPECT_THAT(answer.reason, Not(HasSubstr("revocations")));
    }
    EXPECT_EQ(verdict(*grants, {"GET", "keyward:fleet"}), "allow");
    EXPECT_EQ(verdict(*grants, {"GET", "Keyward:fleet:x"}), "allow");
    EXPECT_EQ(verdict(*grants, {"SET", "a", key}), "allow");
    EXPECT_EQ(verdict(*grants, {"SORT", "a", "GET", "*"}), "allow");
  }
}

TEST(Decide, TellsReadFromWrite) {
  PolicyFolder folder;
  const auto grants = grants_of(folder.grant(kMixed));
  ASSERT_TRUE(grants) << folder.said();
  EXPECT_EQ(verdict(*grants, {"SET", "w:1", "v"}), "allow");
  EXPECT_EQ(verdict(*grants, {"SET", "w:1", "v", "GET"}), "deny");
  EXPECT_EQ(verdict(*grants, {"GET", "w:1"}), "deny");
  EXPECT_EQ(verdict(*grants, {"EXISTS", "w:1"}), "allow");
  EXPECT_EQ(verdict(*grants, {"GET", "r:1"}), "allow");
  EXPECT_EQ(verdict(*grants, {"DEL", "r:1"}), "deny");
  EXPECT_EQ(verdict(*grants, {"COPY", "r:1", "w:1"}), "allow");
}

TEST(Decide, HoldsChannelsAndTheirPatterns) {
  PolicyFolder folder;
  const auto grants = grants_of(folder.grant(kMixed));
  ASSERT_TRUE(grants) << folder.said();
  EXPECT_EQ(verdict(*grants, {"PUBLISH", "c:x", "m"}), "allow");
  EXPECT_EQ(verdict(*grants, {"SUBSCRIBE", "c:x", "one"}), "allow");
  EXPECT_EQ(verdict(*grants, {"SUBSCRIBE", "c:x", "two"}), "deny");
  EXPECT_EQ(verdict(*grants, {"PSUBSCRIBE", "c:x*"}), "allow");
  EXPECT_EQ(verdict(*grants, {"PSUBSCRIBE", "c*"}), "deny");
  EXPECT_EQ(verdict(*grants, {"PUNSUBSCRIBE", "anything*"}), "allow");
  EXPECT_TRUE(grants->needs_literal_channel("c:x*"));
  EXPECT_FALSE(grants->needs_literal_channel("c:*"));
}

TEST(Decide, HoldsDatabases) {
  PolicyFolder folder;
  const auto grants = grants_of(folder.grant(kMixed));
  ASSERT_TRUE(grants) << folder.said();
  EXPECT_EQ(verdict(*grants, {"GET", "a:1"}, {.db = 1}), "allow");
  EXPECT_EQ(verdict(*grants, {"GET", "a:1"}, {.db = 2}), "deny");
  EXPECT_EQ(verdict(*grants, {"SELECT", "1"}), "allow");
  EXPECT_EQ(verdict(*grants, {"SELECT", "2"}), "deny");
  EXPECT_TRUE(grants->may_select(0));
  EXPECT_FALSE(grants->may_select(7));
}

TEST(Decide, HoldsScansToTheReadableKeys) {
  PolicyFolder folder;
  const auto grants = grants_of(folder.grant(kMixed));
  ASSERT_TRUE(grants) << folder.said();
  // An answer that could name other keys is filtered on its way to the client.
  const auto scan = [&](const std::vector<std::string>& argv) {
    const std::vector<std::string_view> args(argv.begin(), argv.end());
    command::Command command;
    if (command::analyse(*command::Catalog::built_in(), args, command).verdict !=
        command::Verdict::ok) {
      return std::string("error");
    }
    const Decision decision = grants->decide(command, {});
    const auto* permit = std::get_if<Permit>(&decision);
    return std::string(permit == nullptr ? "deny" : permit->filtered() ? "filtered" : "allow");
  };
  EXPECT_EQ(scan({"SCAN", "0"}), "filtered");
  EXPECT_EQ(scan({"SCAN", "0", "MATCH", "a:x*"}), "allow");
  EXPECT_EQ(scan({"SCAN", "0", "MATCH", "r:*", "COUNT", "9"}), "allow");
  EXPECT_EQ(scan({"SCAN", "0", "MATCH", "w:*"}), "filtered");
  EXPECT_EQ(scan({"SCAN", "0", "MATCH", "*"}), "filtered");
  EXPECT_EQ(scan({"KEYS", "a:*"}), "allow");
  EXPECT_EQ(scan({"DBSIZE"}), "deny");
  PolicyFolder whole;
  const auto every = grants_of(
      whole.grant("    allow:\n      - {commands: [dbsize, scan, flushdb], keys: [\"*\"]}\n"));
  ASSERT_TRUE(every) << whole.said();
  EXPECT_EQ(verdict(*every, {"SCAN", "0"}), "allow");
  EXPECT_EQ(verdict(*every, {"DBSIZE"}), "allow");
  EXPECT_EQ(verdict(*every, {"FLUSHDB"}), "allow");
}

TEST(Decide, FlushWantsAnEntryForEveryKey) {
  PolicyFolder folder;
  EXPECT_EQ(grants_of(folder.grant("    allow:\n      - {commands: [flushdb], keys: [\"a:*\"]}\n")),
            nullptr);
  EXPECT_THAT(folder.said(), HasSubstr("'flushdb' reaches every key"));
}

TEST(Decide, TakesScansFromThoseWhoMayRunScripts) {
  PolicyFolder folder;
  const auto grants =
      grants_of(folder.grant("    allow:\n      - {commands: [eval, get], keys: [\"a:*\"]}\n"
                             "      - {commands: [scan, keys], keys: [\"a:*\"]}\n"
                             "      - {commands: [scan], read: [\"*\"]}\n"));
  ASSERT_TRUE(grants) << folder.said();
  EXPECT_EQ(verdict(*grants, {"KEYS", "a:*"}), "deny");
  EXPECT_EQ(verdict(*grants, {"SCAN", "0"}), "allow");
  EXPECT_EQ(verdict(*grants, {"EVAL", "return 1", "1", "a:1"}), "allow");
  EXPECT_THAT(folder.said(), HasSubstr("warning: 'keys' is taken out of team.yaml:9"));
  ASSERT_EQ(grants->acl().notes.size(), 2U);
  for (const std::string& token : grants->acl().tokens) EXPECT_THAT(token, Not(HasSubstr("+keys")));
}

// Only scripts that somebody declared safe run there.
TEST(Decide, LeavesScansToScriptsUnderANamespace) {
  PolicyFolder folder;
  const auto grants = grants_of(folder.grant(
      "    namespace: \"a:\"\n    scripts: [da39a3ee5e6b4b0d3255bfef95601890afd80709]\n    allow:\n"
      "      - {commands: [eval, scan, keys, georadius], keys: [\"*\"]}\n"));
  ASSERT_TRUE(grants) << folder.said();
  EXPECT_EQ(verdict(*grants, {"KEYS", "a:*"}), "allow");
  EXPECT_EQ(verdict(*grants, {"SCAN", "0", "MATCH", "a:*"}), "allow");
  EXPECT_EQ(verdict(*grants, {"GEORADIUS", "a:1", "1", "2", "3", "km"}), "allow");
}

// redis#15478: the last STORE is run, another checked; in a script only Redis looks.
TEST(Decide, TakesGeoradiusFromThoseWhoMayRunScripts) {
  PolicyFolder folder;
  const auto grants = grants_of(
      folder.grant("    allow:\n      - {commands: [\"@geo\", evalsha], keys: [\"a:*\"]}\n"
                   "      - {commands: [georadius], read: [\"*\"], write: [\"b:*\"]}\n"));
  ASSERT_TRUE(grants) << folder.said();
  EXPECT_EQ(verdict(*grants, {"GEORADIUS", "a:1", "1", "2", "3", "km"}), "deny");
  EXPECT_EQ(verdict(*grants, {"GEORADIUSBYMEMBER", "a:1", "m", "3", "km"}), "deny");
  EXPECT_EQ(verdict(*grants, {"GEORADIUS_RO", "a:1", "1", "2", "3", "km"}), "allow");
  EXPECT_EQ(verdict(*grants, {"GEOSEARCH", "a:1", "FROMMEMBER", "m", "BYRADIUS", "3", "km"}),
            "allow");
  EXPECT_THAT(folder.said(), Not(HasSubstr("team.yaml:8"))) << "a category brought it";
  EXPECT_THAT(folder.said(), HasSubstr("warning: 'georadius' is taken out of team.yaml:9"));
  for (const std::string& token : grants->acl().tokens)
    EXPECT_THAT(token, Not(HasSubstr("+georadius ")));
  const auto all =
      grants_of(folder.grant("    allow: [{commands: [georadius, eval], keys: [\"*\"]}]\n"));
  ASSERT_TRUE(all);
  EXPECT_EQ(verdict(*all, {"GEORADIUS", "a", "1", "2", "3", "km", "STORE", "b"}), "allow");
}

TEST(Decide, SessionPlumbingNeedsNoGrantAndNeverMeansNever) {
  PolicyFolder folder;
  const auto grants = grants_of(folder.grant("    allow: [{commands: [get], keys: [\"a:*\"]}]\n"));
  ASSERT_TRUE(grants) << folder.said();
  for (const std::vector<std::string>& argv :
       std::vector<std::vector<std::string>>{{"PING"},
                                             {"MULTI"},
                                             {"EXEC"},
                                             {"CLIENT", "SETNAME", "x"},
                                             {"ECHO", "x"},
                                             {"COMMAND", "DOCS"},
                                             {"INFO"},
                                             {"SUBSCRIBE", "__Booksleeve_MasterChanged"}}) {
    EXPECT_EQ(verdict(*grants, argv), "allow") << argv[0];
  }
  for (const std::vector<std::string>& argv :
       std::vector<std::vector<std::string>>{{"WATCH", "a:1"},
                                             {"CONFIG", "GET", "x"},
                                             {"MONITOR"},
                                             {"ACL", "WHOAMI"},
                                             {"FLUSHALL"},
                                             {"SUBSCRIBE", "x"},
                                             {"PUBLISH", "__Booksleeve_MasterChanged", "x"},
                                             {"SUBSCRIBE", "__Booksleeve_MasterChanged", "x"}}) {
    EXPECT_EQ(verdict(*grants, argv), "deny") << argv[0];
  }
  EXPECT_THAT(ask(*grants, {"MONITOR"}).reason, HasSubstr("not available to anyone"));
}

TEST(Decide, HoldsTheSizeOfValuesAlsoWhileTheyStream) {
  PolicyFolder folder;
  const auto grants = grants_of(folder.grant(kMixed));
  ASSERT_TRUE(grants) << folder.said();
  EXPECT_EQ(verdict(*grants, {"SET", "a:1", "0123456789"}), "allow");
  EXPECT_EQ(verdict(*grants, {"SET", "a:1", "0123456789a"}), "deny");
  EXPECT_EQ(verdict(*grants, {"SET", "a:1", ""}, {.streamed = 11}), "deny");
  EXPECT_EQ(verdict(*grants, {"SET", "a:1", ""}, {.streamed = 10}), "allow");
}

TEST(Decide, RefusalsSayWhatToDoAndNothingSecret) {
  PolicyFolder folder;
  const auto grants = grants_of(folder.grant(kMixed));
  ASSERT_TRUE(grants) << folder.said();
  EXPECT_EQ(ask(*grants, {"ZADD", "secret:1", "1", "m"}).reason,
            "command 'zadd' is granted to you, but not to write the key at argument 1; granted "
            "keys: a:*, r:* (read), "
            "w:* (write) (rule team.yaml:9); ask the owners of grant 'g' (t@example.com)");
  EXPECT_EQ(ask(*grants, {"EVAL", "secret", "0"}).reason,
            "command 'eval' is not granted to you; ask the owners of grant 'g' (t@example.com) to "
            "add it");
  for (const std::vector<std::string>& argv :
       std::vector<std::vector<std::string>>{{"GET", "secret"},
                                             {"PUBLISH", "secret", "secret"},
                                             {"SUBSCRIBE", "secret"},
                                             {"EVAL", "secret", "1", "secret"},
                                             {"SET", "secret", "secret"},
                                             {"SET", "a:1", "secret secret secret"}}) {
    const Explanation why = ask(*grants, argv);
    EXPECT_EQ(name(why.verdict), "deny");
    EXPECT_THAT(why.reason, Not(HasSubstr("secret")));
    EXPECT_EQ(why.reason.find_first_of("\r\n"), std::string::npos);
    EXPECT_LT(why.reason.size(), 500U);
  }
}

TEST(Decide, ExplainsWithRuleAndLine) {
  PolicyFolder folder;
  const auto grants = grants_of(folder.grant(kMixed));
  ASSERT_TRUE(grants) << folder.said();
  const Explanation allowed = ask(*grants, {"get", "b:1"});
  EXPECT_EQ(allowed.rule, "g");
  EXPECT_EQ(allowed.file, "team.yaml");
  EXPECT_EQ(allowed.line, 11);
  EXPECT_EQ(verdict(*grants, {"NOSUCH", "x"}), "error");
  EXPECT_EQ(verdict(*grants, {"GET"}), "error");
}

TEST(Decide, AllocatesNothingWhenItPermits) {
  PolicyFolder folder;
  const auto grants = grants_of(folder.grant(kMixed));
  ASSERT_TRUE(grants) << folder.said();
  const auto catalog = command::Catalog::built_in();
  const std::vector<std::string_view> argv{"MGET", "a:1", "r:1"};
  command::Command command;
  ASSERT_EQ(command::analyse(*catalog, argv, command).verdict, command::Verdict::ok);
  std::optional<Decision> decision;
  const auto taken =
      keyward::test::allocations_of([&] { decision.emplace(grants->decide(command, {})); });
  EXPECT_TRUE(std::holds_alternative<Permit>(*decision));
  EXPECT_EQ(taken.count, 0U);
}

}  // namespace
}  // namespace keyward::policy::test
