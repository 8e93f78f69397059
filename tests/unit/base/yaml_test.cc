#include "keyward/base/yaml.h"

#include "support/temp_dir.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <random>

namespace keyward::yaml {
namespace {

using std::chrono::milliseconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string complaints(const std::string& content) {
  Diagnostics diagnostics;
  (void)parse("f", content, diagnostics);
  return diagnostics.text();
}

// A document with one key `k`, and what is said about reading it.
struct Read {
  explicit Read(const std::string& value) : root(parse("f", "k: " + value + "\n", diagnostics)) {}
  Diagnostics diagnostics;
  Node root;
  Node k() { return root.get("k"); }
  std::string text() { return diagnostics.text(); }
};

TEST(Yaml, NodesKnowTheirPlaces) {
  Diagnostics diagnostics;
  const Node root = parse("f.yaml", "a: 1\nb:\n  - x\n  -   y\n", diagnostics);
  EXPECT_EQ(root.get("b").list()[1].line(), 4);
  EXPECT_EQ(root.get("b").list()[1].column(), 7);
  EXPECT_EQ(root.get("a").line(), 1);
  EXPECT_EQ(root.get("a").column(), 4);
  root.get("b").list()[1].error("wrong", "z");
  EXPECT_EQ(diagnostics.text(), "f.yaml:4:7: wrong; write: z\n");
}

TEST(Yaml, AllErrorsAreCollected) {
  Diagnostics diagnostics;
  const Node root = parse("f", "lisen: x\nport: no\nlist: {a: 1}\n", diagnostics);
  root.only({"listen", "port", "list", "need"});
  EXPECT_FALSE(root.get("port").integer(1, 65535));
  EXPECT_THAT(root.get("list").list(), ElementsAre());
  EXPECT_FALSE(root.need("need").present());
  EXPECT_EQ(diagnostics.text(),
            "f:1:1: unknown key `lisen`; write: listen\n"
            "f:1:1: `need` is required\n"
            "f:2:7: `port` must be a whole number from 1 to 65535\n"
            "f:3:7: `list` must be a list\n");
}

TEST(Yaml, AbsentAndNullAreQuietUntilNeeded) {
  Diagnostics diagnostics;
  const Node root = parse("f", "a:\nb: ~\n", diagnostics);
  for (const char* key : {"a", "b", "c"}) {
    const Node node = root.get(key);
    EXPECT_FALSE(node.present());
    EXPECT_FALSE(node.text());
    EXPECT_FALSE(node.boolean());
    EXPECT_FALSE(node.duration());
    EXPECT_TRUE(node.list().empty());
    EXPECT_TRUE(node.entries().empty());
    EXPECT_FALSE(node.get("x").get("y").present());
    node.only({"x"});
  }
  EXPECT_EQ(diagnostics.text(), "");
  (void)root.need("a");
  (void)root.get("b").need("x");
  (void)root.get("c").need("x");  // `c` itself may be absent
  EXPECT_EQ(diagnostics.text(), "f:1:1: `a` is required\nf:2:4: `x` is required\n");
}

TEST(Yaml, AnEmptyDocumentLacksWhatIsNeeded) {
  Diagnostics diagnostics;
  const Node root = parse("f", "# nothing\n", diagnostics);
  EXPECT_FALSE(root.present());
  (void)root.need("x");
  EXPECT_EQ(diagnostics.text(), "f:1:1: `x` is required\n");
}

TEST(Yaml, ReportsDuplicatedKeysEverywhere) {
  EXPECT_EQ(complaints("a: 1\nb:\n  - {x: 1, y: 2, x: 3}\na: 2\n"),
            "f:3:18: key `x` is written twice\nf:4:1: key `a` is written twice\n");
  EXPECT_EQ(complaints("a: 1\n\"a\": 2\n"), "f:2:1: key `a` is written twice\n");
  EXPECT_EQ(complaints("a: {x: 1}\nb: {x: 1}\n"), "");
}

TEST(Yaml, RefusesWhatMayMeanMoreThanItShows) {
  EXPECT_THAT(complaints("a: &x 1\nb: *x\n"), HasSubstr("f:2:4: aliases are not allowed"));
  EXPECT_THAT(complaints("&x [*x]\n"), HasSubstr("aliases are not allowed"));
  EXPECT_THAT(complaints("a: !secret x\n"), HasSubstr("tags are not allowed"));
  EXPECT_THAT(complaints("a: !!str x\n"), HasSubstr("tags are not allowed"));
  EXPECT_THAT(complaints("a: 1\n---\na: 2\n"), HasSubstr("more than one YAML document"));
  EXPECT_THAT(complaints("[a]: 1\n"), HasSubstr("a key must be text"));
  EXPECT_THAT(complaints("~: 1\n"), HasSubstr("a key must be text"));
  EXPECT_THAT(complaints("a: b: c\n"), HasSubstr("f:1:"));
  EXPECT_EQ(complaints("a: \"x\xff\"\n"), "f:1:6: not UTF-8\n");
  EXPECT_EQ(complaints("a: 1\n\x04\nb: [\n"), "f:2:1: control character\n");
  EXPECT_EQ(complaints(std::string("a: \0\n", 5)), "f:1:4: control character\n");
  EXPECT_EQ(complaints("a: caf\xc3\xa9\n"), "");
}

TEST(Yaml, HostileDocumentsAreBounded) {
  EXPECT_EQ(complaints(std::string(4 * 1024 * 1024 + 1, '#')), "f: larger than 4 MiB\n");
  EXPECT_NE(complaints(std::string(1'000'000, '[')), "");
  EXPECT_NE(complaints(std::string(1'000'000, '{')), "");
  std::string deep;
  for (int i = 0; i < 1000; ++i) deep += std::string(static_cast<std::size_t>(i), ' ') + "a:\n";
  EXPECT_THAT(complaints(deep), HasSubstr("more than 64 levels"));
  std::string many;
  for (int i = 0; i < 300'000; ++i) many += "- \n";
  EXPECT_THAT(complaints(many), HasSubstr("more than 200000 values"));
  std::string wrong;
  for (int i = 0; i < 5000; ++i) wrong += "a: 1\n";
  EXPECT_THAT(complaints(wrong), HasSubstr("... and 3999 more errors"));
}

TEST(Yaml, AnyBytesEndInATreeOrAComplaint) {
  std::mt19937_64 random(3);
  const std::string letters = "ab: -[]{},\"'\n\n  #&*!|>%@`?~\t\\x";
  for (int round = 0; round < 20'000; ++round) {
    std::string content(random() % 60, ' ');
    for (char& c : content) c = letters[random() % letters.size()];
    Diagnostics diagnostics;
    const Node root = parse("f", content, diagnostics);
    for (const auto& [key, node] : root.is_map() ? root.entries() : decltype(root.entries()){}) {
      (void)node.duration();
      (void)node.texts();
    }
  }
}

TEST(Yaml, Integers) {
  EXPECT_EQ(Read("0").k().integer(0, 10), 0);
  EXPECT_EQ(Read("-7").k().integer(-10, 10), -7);
  EXPECT_EQ(Read("9223372036854775807").k().integer(0, INT64_MAX), INT64_MAX);
  for (const char* wrong : {"11", "-1", "010", "0x1", "1.0", "1e3", "+1", "\"1\"",
                            "9223372036854775808", "[1]", "one"}) {
    Read read(wrong);
    EXPECT_FALSE(read.k().integer(0, 10)) << wrong;
    EXPECT_THAT(read.text(), HasSubstr("`k` must be a whole number from 0 to 10")) << wrong;
  }
}

TEST(Yaml, TruthValues) {
  EXPECT_EQ(Read("true").k().boolean(), true);
  EXPECT_EQ(Read("false").k().boolean(), false);
  Read yes("Yes");
  EXPECT_FALSE(yes.k().boolean());
  EXPECT_EQ(yes.text(), "f:1:4: `k` must be true or false; write: true\n");
  Read quoted("'true'");
  EXPECT_FALSE(quoted.k().boolean());
  EXPECT_EQ(quoted.text(), "f:1:4: `k` must be true or false, without quotes\n");
}

TEST(Yaml, Durations) {
  EXPECT_EQ(Read("250ms").k().duration(), milliseconds(250));
  EXPECT_EQ(Read("30s").k().duration(), milliseconds(30'000));
  EXPECT_EQ(Read("5m").k().duration(), milliseconds(300'000));
  EXPECT_EQ(Read("12h").k().duration(), milliseconds(43'200'000));
  EXPECT_EQ(Read("7d").k().duration(), milliseconds(604'800'000));
  for (const char* wrong :
       {"30", "1.5s", "-1s", "1h30m", "s", "1 s", "99999999999999999999d", "106751991168d", "1S"}) {
    Read read(wrong);
    EXPECT_FALSE(read.k().duration()) << wrong;
    EXPECT_TRUE(read.diagnostics.failed()) << wrong;
  }
  Read bare("30");
  (void)bare.k().duration();
  EXPECT_THAT(bare.text(), HasSubstr("; write: 30s"));
}

TEST(Yaml, Sizes) {
  EXPECT_EQ(Read("512").k().bytes(), 512U);
  EXPECT_EQ(Read("64KiB").k().bytes(), 65536U);
  EXPECT_EQ(Read("8MiB").k().bytes(), 8U << 20U);
  EXPECT_EQ(Read("1GiB").k().bytes(), 1U << 30U);
  for (const char* wrong : {"8MB", "8m", "-1", "1.5GiB", "99999999999GiB", "KiB", "{a: 1}"}) {
    Read read(wrong);
    EXPECT_FALSE(read.k().bytes()) << wrong;
    EXPECT_THAT(read.text(), HasSubstr("`k` must be a size")) << wrong;
  }
}

TEST(Yaml, TextsTakeOneOrMany) {
  EXPECT_THAT(Read("a").k().texts(), ElementsAre("a"));
  EXPECT_THAT(Read("[a, '1', 2]").k().texts(), ElementsAre("a", "1", "2"));
  EXPECT_THAT(Read("[a, ~, {b: c}]").k().texts(), ElementsAre("a"));
  Read wrong("[a, ~, {b: c}]");
  (void)wrong.k().texts();
  EXPECT_EQ(wrong.text(), "f:1:8: `k` has an empty entry\nf:1:11: `k` must be text\n");
}

TEST(Yaml, NoValueIsRepeatedInAComplaint) {
  for (const char* key : {"integer", "boolean", "duration", "bytes"}) {
    Read read("hunter2-secret");
    const Node node = read.k();
    const std::string_view which = key;
    if (which == "integer") (void)node.integer(0, 1);
    if (which == "boolean") (void)node.boolean();
    if (which == "duration") (void)node.duration();
    if (which == "bytes") (void)node.bytes();
    EXPECT_TRUE(read.diagnostics.failed());
    EXPECT_EQ(read.text().find("hunter2"), std::string::npos);
  }
}

TEST(Yaml, LoadSaysWhyAFileCannotBeRead) {
  const test::TempDir dir;
  Diagnostics diagnostics;
  (void)load(dir.file("none.yaml"), diagnostics);
  (void)load(dir.path(), diagnostics);
  EXPECT_EQ(diagnostics.all().size(), 2U);
  EXPECT_THAT(diagnostics.text(), HasSubstr("none.yaml: No such file or directory"));
  EXPECT_THAT(diagnostics.text(), HasSubstr("Is a directory"));
  std::ofstream(dir.file("a.yaml")) << "k: v\n";
  Diagnostics fine;
  EXPECT_EQ(load(dir.file("a.yaml"), fine).get("k").text(), "v");
  EXPECT_EQ(fine.text(), "");
}

TEST(Yaml, ChangesTextsInTheirPlaces) {
  Diagnostics diagnostics;
  Node root = parse("f", "x-k: [x, \"x1\", {x: x2}]\nn: 5\n", diagnostics);
  root.change_texts([](std::string_view text) {
    return text.starts_with('x') ? "y" + std::string(text.substr(1)) : std::string(text);
  });
  const std::vector<Node> items = root.get("x-k").list();
  ASSERT_EQ(items.size(), 3U);
  EXPECT_EQ(items[0].text(), "y");
  EXPECT_EQ(items[1].text(), "y1");
  EXPECT_EQ(items[1].column(), 10);
  EXPECT_EQ(items[2].get("x").text(), "y2");
  EXPECT_EQ(root.get("n").integer(0, 9), 5);
  // A quoted text stays text.
  EXPECT_EQ(items[1].integer(0, 9), std::nullopt);
}

}  // namespace
}  // namespace keyward::yaml
