#include "keyward/review/fmt.h"

#include "review/yaml_text.h"
#include "unit/review/trail_maker.h"

#include <gmock/gmock.h>

#include <filesystem>
#include <functional>
#include <random>
#include <set>
#include <sstream>

namespace keyward::review {
namespace {

using ::testing::HasSubstr;

std::string formatted(const std::string& text) {
  const auto out = format_policy(text);
  EXPECT_TRUE(out.has_value()) << (out ? "" : out.error().message()) << "\n" << text;
  return out ? *out : "";
}

std::string rights(const std::string& text) {
  const auto snapshot = test::load(text);
  if (!snapshot) return "does not load";
  std::string out;
  for (const auto& info : snapshot->grants()) {
    const auto grants = snapshot->grants_as_written(info.name);
    out += info.name + ":" + (grants ? (*grants)->rights_id() : "none") + "\n";
  }
  return out;
}

TEST(FmtTest, OrdersKeysAndSortsCommands) {
  EXPECT_EQ(formatted(R"(team: t
grants:
- allow:
  - keys: [ "a:*" ]
    commands: [set, '@read', get]
  who:
  - groups: [g]
    issuer: okta
  name: one
- name: two
  who: [{issuer: okta, subject: x}]
  allow: [{commands: ['@all', -get], keys: ['*']}]
apiVersion: keyward/v1
)"),
            R"(apiVersion: keyward/v1
team: t

grants:
  - name: one
    who:
      - {issuer: okta, groups: [g]}
    allow:
      - commands: ["@read", get, set]
        keys: ["a:*"]

  - name: two
    who:
      - {issuer: okta, subject: x}
    allow:
      - commands: ["@all", "-get"]
        keys: ["*"]
)");
}

TEST(FmtTest, KeepsEveryCommentWithWhatItIsAbout) {
  EXPECT_EQ(formatted(R"(# What the file is for.

# A second thought.
apiVersion: keyward/v1   # the version
team: t
grants:
  # About the first.
  - name: one   # its name
    # who may
    who: [{issuer: okta, subject: x}]  # all of them
    allow:
      - commands:
          # reading
          - get
          - exists   # cheap
          # writing
          - set
          # nothing else
        keys: ["a:*",   # first
               "b:*"]   # second
    # the end of one
# The second.
  - name: two
    who: [{issuer: okta, subject: y}]
    allow:
      - {commands: [get], keys: ["a:*"]}  # short
# That is all.
)"),
            R"(# What the file is for.

# A second thought.
apiVersion: keyward/v1  # the version
team: t

grants:
  # About the first.
  - name: one  # its name
    # who may
    who:  # all of them
      - {issuer: okta, subject: x}
    allow:
      - commands:
          # reading
          - exists  # cheap
          - get
          # writing
          - set
          # nothing else
        keys:
          - "a:*"  # first
          - "b:*"  # second
    # the end of one

  # The second.
  - name: two
    who:
      - {issuer: okta, subject: y}
    allow:
      # short
      - commands: [get]
        keys: ["a:*"]
# That is all.
)");
}

TEST(FmtTest, KeepsTextTextAndNumbersNumbers) {
  const std::string out = formatted(
      "apiVersion: keyward/v1\nteam: 't'\ngrants:\n  - name: \"true\"\n"
      "    who: [{issuer: 'okta', claims: {mfa: \"true\", n: '1'}}]\n    databases: [0, 3]\n"
      "    allow: [{commands: [\"get\"], keys: [\"q\\x06\\x16*\", 'a\\*', \"it's\"]}]\n"
      "    limits: {max_value: 8MiB, connections: 5}\n");
  EXPECT_THAT(out, HasSubstr("team: t\n"));
  EXPECT_THAT(out, HasSubstr("name: \"true\""));
  EXPECT_THAT(out, HasSubstr("claims: {mfa: \"true\", n: \"1\"}"));
  EXPECT_THAT(out, HasSubstr("databases: [0, 3]"));
  EXPECT_THAT(out, HasSubstr("keys: [\"q\\x06\\x16*\", 'a\\*', \"it's\"]"));
  EXPECT_THAT(out, HasSubstr("limits: {connections: 5, max_value: 8MiB}"));
}

TEST(FmtTest, BreaksLongListsOfCommands) {
  std::string words;
  for (int i = 0; i < 30; ++i) words += (i > 0 ? ", " : "") + std::string("hincrbyfloat");
  const std::string out = formatted(
      "apiVersion: keyward/v1\nteam: t\ngrants:\n  - name: g\n"
      "    who: [{issuer: o, subject: x}]\n    allow: [{commands: [" +
      words + "], keys: [a]}]\n");
  std::istringstream lines(out);
  for (std::string line; std::getline(lines, line);) EXPECT_LE(line.size(), 100U) << line;
}

TEST(FmtTest, RefusesWhatItCannotKeep) {
  for (const char* text : {"a: |\n  block\n", "a: &x 1\nb: *x\n", "a: !!str 1\n", "- a\n", "a: [\n",
                           "a: 1\n---\nb: 2\n", "? [a]\n: b\n"})
    EXPECT_FALSE(format_policy(text).has_value()) << text;
}

TEST(FmtTest, ShippedPoliciesKeepTheirRights) {
  for (const auto& entry :
       std::filesystem::recursive_directory_iterator(KEYWARD_SOURCE_DIR "/policies")) {
    if (entry.path().extension() != ".yaml") continue;
    std::ifstream stream(entry.path());
    std::ostringstream content;
    content << stream.rdbuf();
    const std::string out = formatted(content.str());
    EXPECT_EQ(formatted(out), out);
    // A template is no policy file: it has parameters.
    if (entry.path().parent_path().filename() == "templates") continue;
    EXPECT_EQ(rights(content.str()), rights(out)) << entry.path();
  }
}

// A policy file as a careless person writes it.
class Careless {
 public:
  explicit Careless(unsigned seed) : random_(seed) {}

  std::string file() {
    out_.clear();
    comment(0);
    std::vector<std::string> sections{"apiVersion: keyward/v1", "team: t"};
    if (coin()) sections.insert(sections.begin(), "owners: ['a@b.c', x]");
    for (const std::string& one : sections) line(0, one);
    line(0, "grants:");
    for (std::size_t i = 0, count = 1 + random_() % 3; i < count; ++i) grant(i);
    comment(random_() % 3);
    return out_;
  }

 private:
  bool coin() { return random_() % 2 == 0; }
  void comment(std::size_t indent) {
    while (random_() % 4 == 0) {
      if (coin()) out_ += "\n";
      out_ += std::string(indent, ' ') + "# c" + std::to_string(++comments_) + " [x]: 'y' \"z\"\n";
    }
  }
  void line(std::size_t indent, const std::string& text) {
    comment(indent);
    out_ += std::string(indent, ' ') + text;
    if (random_() % 5 == 0)
      out_ += std::string(1 + random_() % 3, ' ') + "# c" + std::to_string(++comments_);
    out_ += coin() ? "\n" : "  \n";
  }
  std::string pattern() {
    const char* kPatterns[] = {"\"a:*\"",     "'b*:x'",          "c:d",      "\"q\\x06*\"",
                               "'\\{t\\}:*'", "\"{subject}:#\"", "'it''s:*'"};
    return kPatterns[random_() % 7];
  }
  std::string list(std::size_t indent, const std::function<std::string()>& item) {
    std::string out;
    const std::size_t count = 1 + random_() % 6;
    if (coin()) {
      for (std::size_t i = 0; i < count; ++i) {
        out += (i > 0 ? ", " : "") + item();
        if (i + 1 < count && random_() % 8 == 0) {
          // A comment and a line break inside of the brackets.
          out +=
              ",  # c" + std::to_string(++comments_) + "\n" + std::string(indent + 4, ' ') + item();
        }
      }
      return " [" + out + "]";
    }
    for (std::size_t i = 0; i < count; ++i) {
      if (random_() % 4 == 0)
        out += "\n" + std::string(indent + 2, ' ') + "# c" + std::to_string(++comments_);
      out += "\n" + std::string(indent + 2, ' ') + "- " + item();
      if (random_() % 5 == 0) out += "  # c" + std::to_string(++comments_);
    }
    return out;
  }
  void grant(std::size_t number) {
    comment(2);
    out_ += "  - name: g" + std::to_string(number) + "\n";
    std::vector<std::function<void()>> parts{
        [&] {
          line(4, "who: [{groups: [x, 'y z'], issuer: okta}, {issuer: eks, subject: \"a:b\"}]");
        },
        [&] { line(4, "databases:" + list(4, [&] { return std::to_string(random_() % 9); })); },
        [&] { line(4, "limits: {session: 12h, connections: 7}"); },
        [&] {
          line(4, "allow:");
          for (std::size_t i = 0, count = 1 + random_() % 3; i < count; ++i) entry();
        },
        [&] { line(4, "audit: {reads: true}"); }};
    std::shuffle(parts.begin(), parts.end(), random_);
    for (const auto& part : parts) part();
  }
  void entry() {
    const char* kWords[] = {"get", "set", "'@read'", "del", "\"@write\"", "+mget", "xadd"};
    comment(6);
    const bool takes_away = random_() % 4 == 0;
    out_ += "      - keys:" + list(8, [&] { return pattern(); }) + "\n";
    line(8, "commands:" + list(8, [&] {
              return takes_away && coin() ? std::string("'-get'")
                                          : std::string(kWords[random_() % 7]);
            }));
    if (coin()) line(8, "read:" + list(8, [&] { return pattern(); }));
  }

  std::mt19937 random_;
  std::string out_;
  int comments_ = 0;
};

std::multiset<std::string> comments_of(const std::string& text) {
  std::multiset<std::string> out;
  for (std::size_t at = text.find("# c"); at != std::string::npos; at = text.find("# c", at + 1)) {
    std::size_t end = text.find('\n', at);
    while (text[end - 1] == ' ') --end;
    out.insert(text.substr(at, end - at));
  }
  return out;
}

TEST(FmtTest, RandomFilesKeepCommentsAndRights) {
  int loaded = 0;
  for (unsigned seed = 0; seed < 400; ++seed) {
    const std::string text = Careless(seed).file();
    const auto out = format_policy(text);
    ASSERT_TRUE(out.has_value()) << out.error().message() << "\n" << text;
    EXPECT_EQ(comments_of(text), comments_of(*out)) << text;
    EXPECT_EQ(formatted(*out), *out) << text;
    if (seed % 4 != 0) continue;
    const keyward::test::TempDir dir;
    std::ofstream(dir.file("p.yaml")) << text;
    Diagnostics diagnostics;
    if (!policy::Snapshot::load(dir.path(), command::Catalog::built_in(), {}, diagnostics))
      continue;
    ++loaded;
    EXPECT_EQ(rights(text), rights(*out)) << text;
  }
  EXPECT_GT(loaded, 30);
}

TEST(FmtTest, DiffShowsWhatChanges) {
  EXPECT_EQ(unified_diff("a\nb\nc\n", "a\nb\nc\n", "f"), "");
  EXPECT_EQ(unified_diff("a\nb\nc\n", "a\nx\nc\n", "f"),
            "--- f\n+++ f (formatted)\n@@ -1,3 +1,3 @@\n a\n-b\n+x\n c\n");
  std::string many;
  for (int i = 0; i < 40; ++i) many += std::to_string(i) + "\n";
  std::string other = many;
  other.replace(other.find("5\n"), 2, "five\n");
  other += "40\n";
  const std::string out = unified_diff(many, other, "f");
  EXPECT_THAT(out, HasSubstr("@@ -3,7 +3,7 @@"));
  EXPECT_THAT(out, HasSubstr("@@ -38,3 +38,4 @@"));
}

TEST(YamlTextTest, QuotesWhatCouldBeMisread) {
  EXPECT_EQ(yaml_scalar("get"), "get");
  EXPECT_EQ(yaml_scalar("config|get"), "config|get");
  EXPECT_EQ(yaml_scalar("a@b.c"), "a@b.c");
  for (const char* text : {"true", "No", "1", "-x", "@read", "a: b", "a,b", "", "#", "1e3", "~"})
    EXPECT_THAT(yaml_scalar(text), ::testing::StartsWith("\"")) << text;
  EXPECT_EQ(yaml_scalar("a\\*"), "'a\\*'");
  EXPECT_EQ(yaml_scalar("q\x06"), "\"q\\x06\"");
}

}  // namespace
}  // namespace keyward::review
