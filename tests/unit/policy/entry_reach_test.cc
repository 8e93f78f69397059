// Entries that reach further than they seem to say.
#include "unit/policy/policy_folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace keyward::policy::test {
namespace {

using testing::HasSubstr;

std::string said_of(const std::string& lines, bool loads) {
  PolicyFolder folder;
  EXPECT_EQ(grants_of(folder.grant(lines)) != nullptr, loads) << lines << folder.said();
  return folder.said();
}

TEST(EntryReach, EveryKeyWithDangerousCategoriesIsAnError) {
  EXPECT_THAT(
      said_of("    allow: [{commands: [\"@read\", \"@dangerous\"], keys: [\"*\"]}]\n", false),
      HasSubstr("team.yaml:7:24: every key of the server with commands of @admin or "
                "@dangerous ('sort', 'sort_ro') that no word names one by one"));
  EXPECT_THAT(said_of("    allow: [{commands: [\"+@DANGEROUS\"], read: [\"*\"]}]\n", false),
              HasSubstr("every key of the server"));
}

TEST(EntryReach, EveryKeyWithAllCommandsIsAWarning) {
  const std::string said = said_of("    allow: [{commands: [\"@all\"], keys: [\"*\"]}]\n", true);
  EXPECT_THAT(said, HasSubstr("team.yaml:7:24: warning: every key of the server"));
  EXPECT_THAT(said, HasSubstr("write: -@dangerous"));
  EXPECT_THAT(said_of("    break_glass: true\n"
                      "    allow: [{commands: [\"@dangerous\"], keys: [\"*\"]}]\n",
                      true),
              HasSubstr("warning: every key"));
}

TEST(EntryReach, SaysNothingOfNamedCommandsNamespacesAndPrefixes) {
  EXPECT_EQ(said_of("    allow: [{commands: [get, sort_ro, keys], keys: [\"*\"]}]\n", true), "");
  EXPECT_EQ(said_of("    allow: [{commands: [\"@read\", \"-@dangerous\"], keys: [\"*\"]}]\n", true),
            "");
  EXPECT_EQ(said_of("    allow: [{commands: [\"@dangerous\"], keys: [\"a:*\"]}]\n", true), "");
  EXPECT_EQ(said_of("    namespace: \"a:\"\n"
                    "    allow: [{commands: [\"@dangerous\"], keys: [\"*\"]}]\n",
                    true),
            "");
}

TEST(EntryReach, ANamespaceIsNotEmptiedOrCounted) {
  EXPECT_THAT(
      said_of("    namespace: \"a:\"\n    allow: [{commands: [flushdb], keys: [\"*\"]}]\n", false),
      HasSubstr("team.yaml:8:13: 'flushdb' empties the whole database, not the namespace"));
  EXPECT_THAT(
      said_of("    namespace: \"a:\"\n    allow: [{commands: [dbsize], keys: [\"*\"]}]\n", true),
      HasSubstr("warning: 'dbsize' will be refused: it counts the whole keyspace, and the "
                "entry holds one namespace"));
}

}  // namespace
}  // namespace keyward::policy::test
