// Teams that claim one part of the keyspace, and the keys that are Keyward's own.
#include "policy/territory.h"

#include "unit/policy/policy_folder.h"

#include "keyward/policy/glob.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

namespace keyward::policy::test {
namespace {

using testing::HasSubstr;
using testing::Not;

NameSet glob(const std::string& text) { return names_of(Pattern{{{false, text}}}); }

std::string team(const std::string& name, const std::string& lines) {
  return "apiVersion: keyward/v1\nteam: " + name +
         "\nowners: [x@example.com]\ngrants:\n  - name: " + name +
         "-g\n    who: [{issuer: okta, subject: " + name + "}]\n" + lines;
}

std::string keys(const std::string& patterns) {
  return "    allow: [{commands: [get, set], " + patterns + "}]\n";
}

// What is said of two teams "a" (a.yaml) and "b" (b.yaml).
std::string said_of(const std::string& first, const std::string& second, bool loads) {
  PolicyFolder folder;
  folder.file("a.yaml", team("a", first)).file("b.yaml", team("b", second));
  EXPECT_EQ(folder.load() != nullptr, loads) << first << second << folder.said();
  return folder.said();
}

TEST(NameSet, KnowsWhetherTwoGlobsMeet) {
  struct Case {
    const char *a, *b;
    bool meet;
  };
  const Case cases[] = {
      {"a:*", "b:*", false},      {"a:*", "a:b:*", true},       {"*:x", "a:*", true},
      {"a:*:x", "a:*:y", false},  {"a?", "ab", true},           {"a?", "a", false},
      {"[ab]:*", "[bc]:1", true}, {"[ab]:*", "[^ab]:*", false}, {"*", "", true},
      {"a*b*c", "*xx*", true},    {"a\\*", "a*", true},         {"a\\*", "ab", false},
      {"app", "app2", false},     {"*a", "*b", false}};
  for (const Case& each : cases) {
    EXPECT_EQ(overlap(glob(each.a), glob(each.b)), each.meet) << each.a << " " << each.b;
    EXPECT_EQ(overlap(glob(each.b), glob(each.a)), each.meet) << each.a << " " << each.b;
  }
}

// Whatever text two globs both match, their sets meet; and a set meets a plain name exactly when
// the glob matches it.
TEST(NameSet, AgreesWithMatching) {
  std::mt19937 random(7);
  const std::string bytes = "ab:*?[]^-\\";
  const auto text = [&](std::size_t most, std::size_t alphabet) {
    std::string out;
    for (std::size_t i = random() % (most + 1); i > 0; --i) out += bytes[random() % alphabet];
    return out;
  };
  std::size_t met = 0;
  for (int i = 0; i < 400'000; ++i) {
    const std::string a = text(5, bytes.size());
    const std::string b = text(5, bytes.size());
    const std::string name = text(4, 3) + "a";
    // Redis reads an open or empty class in its own way; patterns of policies have none.
    const auto odd = [](const std::string& one) { return one.find('[') != std::string::npos; };
    if (odd(a) || odd(b)) continue;
    NameSet plain = glob("");
    for (const char c : name) {
      plain.steps.push_back(glob(std::string(1, c)).steps.front());
    }
    EXPECT_EQ(overlap(glob(a), plain), glob_match(a, name)) << a << " " << name;
    if (!glob_match(a, name) || !glob_match(b, name)) continue;
    ++met;
    EXPECT_TRUE(overlap(glob(a), glob(b))) << a << " " << b << " " << name;
  }
  EXPECT_GT(met, 500U);
}

TEST(Territory, TwoTeamsCannotClaimOnePrefix) {
  EXPECT_THAT(said_of(keys("keys: [\"app:*\"]"), keys("keys: [\"x:*\", \"app:b:*\"]"), false),
              HasSubstr("b.yaml:7:50: app:b:* of team 'b' overlaps app:* of team 'a' (a.yaml:7); "
                        "write: a prefix of the team's own, or `shared: true` in grants 'a-g' and "
                        "'b-g'"));
  EXPECT_THAT(said_of("    namespace: \"app:\"\n" + keys("keys: [\"*\"]"),
                      "    namespace: \"app:b:\"\n" + keys("keys: [\"*\"]"), false),
              HasSubstr("b.yaml:7:16: app:b: of team 'b' overlaps app: of team 'a' (a.yaml:7)"));
  EXPECT_THAT(
      said_of("    namespace: \"app:\"\n" + keys("read: [\"*\"]"), keys("write: [\"*:x\"]"), false),
      HasSubstr("*:x of team 'b' overlaps app: of team 'a'"));
  EXPECT_THAT(said_of(keys("keys: [\"{subject}:*\"]"), keys("keys: [\"app:*\"]"), false),
              HasSubstr("app:* of team 'b' overlaps {subject}:* of team 'a'"));
}

TEST(Territory, SharedOnBothSidesIsMeant) {
  const std::string mine = keys("keys: [\"app:*\"]");
  EXPECT_EQ(said_of("    shared: true\n" + mine, "    shared: true\n" + mine, true), "");
  EXPECT_THAT(said_of("    shared: true\n" + mine, mine, false), HasSubstr("overlaps"));
}

TEST(Territory, ReadingAndOtherPrefixesClaimNothing) {
  EXPECT_EQ(said_of(keys("keys: [\"app:*\"]"), keys("read: [\"app:*\"]"), true), "");
  EXPECT_EQ(said_of(keys("keys: [\"app:*\"]"), keys("keys: [\"app2:*\"]"), true), "");
  EXPECT_EQ(said_of(keys("keys: [\"a:*:x\"]"), keys("keys: [\"a:*:y\"]"), true), "");
  EXPECT_EQ(said_of("    namespace: \"a:\"\n" + keys("keys: [\"*\"]"),
                    "    namespace: \"b:\"\n" + keys("keys: [\"*\"]"), true),
            "");
  PolicyFolder one;
  EXPECT_TRUE(grants_of(one.grant(
      "    allow: [{commands: [set], keys: [\"a:*\"]}, {commands: [get], keys: [\"a:b:*\"]}]\n")));
  EXPECT_EQ(one.said(), "");
}

TEST(Territory, WritingEveryKeyIsAWarningBesideOtherTeams) {
  EXPECT_THAT(
      said_of(keys("keys: [\"app:*\"]"), keys("keys: [\"*\"]"), true),
      HasSubstr("b.yaml:7:43: warning: this writes the keys of every team, such as app:* of "
                "team 'a' (a.yaml:7); write: `shared: true` or `break_glass: true` in grant "
                "'b-g'"));
  EXPECT_EQ(said_of(keys("keys: [\"app:*\"]"), keys("read: [\"*\"]"), true), "");
  EXPECT_EQ(said_of(keys("keys: [\"app:*\"]"), "    shared: true\n" + keys("keys: [\"*\"]"), true),
            "");
  EXPECT_EQ(
      said_of(keys("keys: [\"app:*\"]"), "    break_glass: true\n" + keys("keys: [\"*\"]"), true),
      "");
}

TEST(Territory, KeywardsOwnKeysAreOutOfReach) {
  for (const char* bad : {"keyward:*", "key*", "keyward:x", "keyw?rd:1", "[jk]eyward:*"}) {
    PolicyFolder folder;
    EXPECT_EQ(grants_of(folder.grant(keys("keys: [\"" + std::string(bad) + "\"]"))), nullptr)
        << bad;
    EXPECT_THAT(folder.said(), HasSubstr("reaches keys of Keyward's own (keyward:*)")) << bad;
    EXPECT_TRUE(reaches_own_keys(bad)) << bad;
  }
  PolicyFolder space;
  EXPECT_EQ(grants_of(space.grant("    namespace: \"keyward:\"\n" + keys("keys: [\"a\"]"))),
            nullptr);
  EXPECT_THAT(space.said(),
              HasSubstr("team.yaml:7:16: namespace keyward: reaches keys of Keyward"));
  for (const char* good : {"*", "keywards:*", "a:keyward:*", "keyword:*"}) {
    PolicyFolder folder;
    EXPECT_TRUE(grants_of(folder.grant(keys("keys: [\"" + std::string(good) + "\"]")))) << good;
    EXPECT_FALSE(reaches_own_keys(good)) << good;
  }
}

TEST(Territory, PatternsWithoutABeginningAreAWarning) {
  for (const char* wide : {"*ward:*", "???????:*", "?eyward:*", "[^x]eyward:*"}) {
    PolicyFolder each;
    EXPECT_TRUE(grants_of(each.grant(keys("keys: [\"" + std::string(wide) + "\"]")))) << wide;
    EXPECT_THAT(each.said(), HasSubstr("leads into everybody's names")) << wide;
    EXPECT_FALSE(reaches_own_keys(wide)) << wide;
  }
  PolicyFolder folder;
  EXPECT_TRUE(grants_of(folder.grant(keys("keys: [\"*.celery.pidbox*\"]"))));
  EXPECT_THAT(folder.said(),
              HasSubstr("team.yaml:7:43: warning: pattern *.celery.pidbox* leads into "
                        "everybody's names, Keyward's own among them"));
}

TEST(Territory, AValueOfATokenCannotLeadToThemEither) {
  PolicyFolder folder;
  const auto snapshot = folder.grant(keys("keys: [\"{subject}:*\"]")).load();
  ASSERT_TRUE(snapshot) << folder.said();
  EXPECT_TRUE(snapshot->grants_for(someone("team")));
  const auto refused = snapshot->grants_for(someone("keyward"));
  ASSERT_FALSE(refused);
  EXPECT_THAT(std::string(refused.error().message()), HasSubstr("keys of Keyward's own"));
}

// As many teams as a folder holds, all patterns beginning alike: bounded, and said so.
TEST(Territory, ComparingIsBounded) {
  PolicyFolder folder;
  for (int file = 0; file < 40; ++file) {
    std::string lines;
    for (int i = 0; i < 64; ++i) {
      lines +=
          (i == 0 ? "" : ", ") + ("\"x:*:" + std::to_string(file) + "-" + std::to_string(i) + "\"");
    }
    folder.file("t" + std::to_string(file) + ".yaml",
                team("t" + std::to_string(file), keys("keys: [" + lines + "]")));
  }
  EXPECT_FALSE(folder.load());
  EXPECT_THAT(folder.said(), HasSubstr("too many patterns of different teams begin alike"));
}

}  // namespace
}  // namespace keyward::policy::test
