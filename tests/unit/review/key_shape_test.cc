#include "review/key_shape.h"

#include "review/distinct.h"

#include "keyward/policy/glob.h"

#include <gtest/gtest.h>

#include <random>
#include <set>

namespace keyward::review {
namespace {

std::string pattern(std::string_view name, std::string_view subject = {}) {
  return pattern_of(shape_of(name, subject));
}

TEST(KeyShapeTest, TakesOutWhatVaries) {
  EXPECT_EQ(pattern("airflow:celery"), "airflow:celery");
  EXPECT_EQ(pattern("airflow:celery\x06\x16"
                    "3"),
            "airflow:celery\x06\x16*");
  EXPECT_EQ(pattern("celery-task-meta-0f8fad5b-d9cb-469f-a165-70867728950e"), "celery-task-meta-*");
  EXPECT_EQ(pattern("airflow:0f8fad5b-d9cb-469f-a165-70867728950e.reply.celery.pidbox"),
            "airflow:*.reply.celery.pidbox");
  EXPECT_EQ(pattern("user:1234:cart"), "user:*:cart");
  EXPECT_EQ(pattern("session:9f86d081884c7d65"), "session:*");
  EXPECT_EQ(pattern("report:2026-11-22"), "report:*");
  EXPECT_EQ(pattern("report:2026-11-22T08:00:00Z:x"), "report:*:x");
  EXPECT_EQ(pattern("host:10.0.0.17"), "host:*");
  EXPECT_EQ(pattern("pod:worker-7d9f8b6c5d-x2x9k"), "pod:worker-*");
  EXPECT_EQ(pattern("job:01ARZ3NDEKTSV4RRFFQ69G5FAV"), "job:*");
}

TEST(KeyShapeTest, LeavesWordsAlone) {
  for (const char* name :
       {"deadbeef", "oauth2", "v1", "config:utf8", "feed:beef", "app_name.total"})
    EXPECT_EQ(pattern(name), name);
}

TEST(KeyShapeTest, KnowsWhoseCornerItIs) {
  EXPECT_EQ(pattern("sandbox:dev.1:k", "dev.1"), "sandbox:{subject}:k");
  EXPECT_EQ(pattern("sandbox:dev.12:k", "dev.1"), "sandbox:dev.*:k");
  EXPECT_EQ(pattern_of(shape_of("sandbox:dev.1:k", "dev.1"), "dev.1"), "sandbox:dev.1:k");
}

TEST(KeyShapeTest, NeverABareStarForWhatHasAForm) {
  EXPECT_EQ(pattern("0f8fad5b-d9cb-469f-a165-70867728950e"),
            "[0-9a-fA-F]" + std::string(7, '?') + "-" + std::string(4, '?') + "-" +
                std::string(4, '?') + "-" + std::string(4, '?') + "-" + std::string(12, '?'));
  EXPECT_EQ(pattern("12345"), "[0-9]*");
}

TEST(KeyShapeTest, EscapesWhatAGlobWouldRead) {
  EXPECT_EQ(pattern("a*b?[c]\\{d}"), "a\\*b\\?\\[c\\]\\\\\\{d\\}");
  EXPECT_EQ(pattern("a b\tc"), "a?b?c");
  EXPECT_EQ(pattern(std::string("x\0y\xff", 4)), "x?y?");
  EXPECT_EQ(pattern("\xff:k"), "[^k]:k");
  EXPECT_EQ(pattern("\x01N"), "\x01N");
}

TEST(KeyShapeTest, FoldsManyWordsAndRows) {
  std::vector<Shape> shapes;
  for (int i = 0; i < 30; ++i) {
    shapes.push_back(shape_of("cart:" + std::string(1, static_cast<char>('a' + i % 26)) +
                                  std::string(1, static_cast<char>('a' + i / 26)) + "x:items",
                              {}));
  }
  shapes.push_back(shape_of("cart:total", {}));
  for (int i = 1; i <= 5; ++i) shapes.push_back(shape_of("queue" + std::to_string(i), {}));
  const std::vector<Shape> folded = fold(shapes, 24);
  std::set<std::string> patterns;
  for (const Shape& shape : folded) patterns.insert(pattern_of(shape));
  EXPECT_EQ(patterns, (std::set<std::string>{"cart:*:items", "cart:total", "queue*"}));
}

TEST(KeyShapeTest, ChannelPatternsKeepTheirStars) {
  EXPECT_EQ(channel_pattern_of(shape_of("/celeryev/worker.*", {})), "/celeryev/worker.*");
  EXPECT_TRUE(only_digits_vary(shape_of("/0.celeryev/worker.*", {})));
  EXPECT_FALSE(only_digits_vary(shape_of("/10.celeryev", {})));
  EXPECT_EQ(channel_pattern_of(literal_shape("/0.celeryev/worker.*")), "/0.celeryev/worker.*");
  EXPECT_EQ(channel_pattern_of(shape_of("job:0f8fad5b-d9cb-469f-a165-70867728950e:*", {})),
            "job:*");
}

// Whatever a name is, its pattern matches it.
TEST(KeyShapeTest, RandomNamesMatchTheirPattern) {
  std::mt19937 random(5);
  const std::string_view bytes("ab9f:-._/{}[]*?\\ \x01\x06N\xc3\xa9\xff", 23);
  for (int round = 0; round < 20'000; ++round) {
    std::string name;
    for (std::size_t size = 1 + random() % 14; name.size() < size;)
      name += bytes[random() % bytes.size()];
    const std::string text = pattern(name, round % 3 == 0 ? "ab9" : "");
    // The policy reader takes the escapes of braces away.
    std::string glob;
    for (std::size_t i = 0; i < text.size(); ++i) {
      if (text[i] == '\\' && (text[i + 1] == '{' || text[i + 1] == '}')) continue;
      if (text.compare(i, 9, "{subject}") == 0 && (i == 0 || text[i - 1] != '\\')) {
        glob += "ab9";
        i += 8;
        continue;
      }
      if (text[i] == '\\') glob += text[i++];
      glob += text[i];
    }
    EXPECT_TRUE(policy::glob_match(glob, name)) << name << " against " << text;
  }
}

TEST(DistinctTest, CountsFewExactlyAndManyNearly) {
  Distinct few;
  for (int i = 0; i < 1000; ++i) few.add("k" + std::to_string(i % 200));
  EXPECT_TRUE(few.exact());
  EXPECT_EQ(few.count(), 200U);
  Distinct many;
  for (int i = 0; i < 100'000; ++i) many.add("k" + std::to_string(i));
  EXPECT_FALSE(many.exact());
  EXPECT_GT(many.count(), 80'000U);
  EXPECT_LT(many.count(), 120'000U);
  few.add(many);
  EXPECT_GT(few.count(), 80'000U);
}

}  // namespace
}  // namespace keyward::review
