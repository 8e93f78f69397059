#include "keyward/policy/glob.h"

#include <gtest/gtest.h>

#include <chrono>
#include <random>
#include <string>

namespace keyward::policy {
namespace {

// redis 7.0 util.c stringmatchlen_impl, word for word but for case folding, which ACL patterns
// never use. It reads the NUL behind the pattern, so it takes strings that end in one.
bool redis_match(const char* pattern, int pattern_length, const char* string, int string_length,
                 bool* skip) {
  while (pattern_length && string_length) {
    switch (pattern[0]) {
      case '*':
        while (pattern_length && pattern[1] == '*') {
          pattern++;
          pattern_length--;
        }
        if (pattern_length == 1) return true;
        while (string_length) {
          if (redis_match(pattern + 1, pattern_length - 1, string, string_length, skip))
            return true;
          if (*skip) return false;
          string++;
          string_length--;
        }
        *skip = true;
        return false;
      case '?':
        string++;
        string_length--;
        break;
      case '[': {
        pattern++;
        pattern_length--;
        const bool negated = pattern[0] == '^';
        if (negated) {
          pattern++;
          pattern_length--;
        }
        bool match = false;
        while (true) {
          if (pattern_length >= 2 && pattern[0] == '\\') {
            pattern++;
            pattern_length--;
            if (pattern[0] == string[0]) match = true;
          } else if (pattern[0] == ']') {
            break;
          } else if (pattern_length == 0) {
            pattern--;
            pattern_length++;
            break;
          } else if (pattern_length >= 3 && pattern[1] == '-') {
            int start = pattern[0];
            int end = pattern[2];
            const int c = string[0];
            if (start > end) std::swap(start, end);
            pattern += 2;
            pattern_length -= 2;
            if (c >= start && c <= end) match = true;
          } else if (pattern[0] == string[0]) {
            match = true;
          }
          pattern++;
          pattern_length--;
        }
        if (negated) match = !match;
        if (!match) return false;
        string++;
        string_length--;
        break;
      }
      case '\\':
        if (pattern_length >= 2) {
          pattern++;
          pattern_length--;
        }
        [[fallthrough]];
      default:
        if (pattern[0] != string[0]) return false;
        string++;
        string_length--;
        break;
    }
    pattern++;
    pattern_length--;
    if (string_length == 0) {
      while (*pattern == '*') {
        pattern++;
        pattern_length--;
      }
      break;
    }
  }
  return pattern_length == 0 && string_length == 0;
}

bool redis_match(const std::string& pattern, const std::string& text) {
  bool skip = false;
  return redis_match(pattern.c_str(), static_cast<int>(pattern.size()), text.c_str(),
                     static_cast<int>(text.size()), &skip);
}

std::string random_text(std::mt19937_64& random, std::string_view alphabet, std::size_t most) {
  std::string out(random() % (most + 1), ' ');
  for (char& c : out) c = alphabet[random() % alphabet.size()];
  return out;
}

TEST(GlobMatch, AgreesWithRedisOnRandomPatterns) {
  std::mt19937_64 random(7);
  constexpr std::string_view kPattern = "aab*?[]^-\\\xf0z*";
  constexpr std::string_view kText = "aab]-^\\\xf0z*[";
  int matched = 0;
  for (int i = 0; i < 1'000'000; ++i) {
    const std::string pattern = random_text(random, kPattern, 12);
    const std::string text = random_text(random, kText, 8);
    const bool wanted = redis_match(pattern, text);
    matched += wanted ? 1 : 0;
    ASSERT_EQ(glob_match(pattern, text), wanted)
        << testing::PrintToString(pattern) << " " << testing::PrintToString(text);
  }
  EXPECT_GT(matched, 10'000);
}

TEST(GlobMatch, KeepsTheQuirkOfTheEmptyText) {
  EXPECT_FALSE(glob_match("*", ""));
  EXPECT_TRUE(glob_match("", ""));
  EXPECT_TRUE(glob_match("a*", "a"));
}

TEST(GlobMatch, TakesBoundedTimeOnManyStars) {
  std::string pattern;
  for (int i = 0; i < 200; ++i) pattern += "*a";
  pattern += "*b";
  const std::string text(100'000, 'a');
  const auto start = std::chrono::steady_clock::now();
  EXPECT_FALSE(glob_match(pattern, text));
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(2));
}

TEST(GlobMatch, GivesUpWhereRedisDoes) {
  std::string pattern;
  for (int i = 0; i < 1001; ++i) pattern += "*a";
  EXPECT_FALSE(glob_match(pattern, std::string(3000, 'a')));
}

TEST(GlobContains, NeverClaimsWhatMatchingRefutes) {
  std::mt19937_64 random(11);
  constexpr std::string_view kPattern = "aab*?[]\\*";
  int contained = 0;
  for (int i = 0; i < 300'000; ++i) {
    const std::string outer = random_text(random, kPattern, 5);
    const std::string inner = random_text(random, kPattern, 7);
    if (!glob_contains(outer, inner)) continue;
    ++contained;
    for (int j = 0; j < 20; ++j) {
      const std::string text = random_text(random, "aab*[\\", 6);
      if (text.empty()) continue;
      EXPECT_TRUE(glob_match(outer, text) || !glob_match(inner, text))
          << outer << " " << inner << " " << text;
    }
  }
  EXPECT_GT(contained, 1'000);
}

TEST(GlobContains, SeesThePlainCases) {
  EXPECT_TRUE(glob_contains("*", "anything*[x]"));
  EXPECT_TRUE(glob_contains("team:*", "team:a*"));
  EXPECT_TRUE(glob_contains("team:*", "team:*"));
  EXPECT_TRUE(glob_contains("team:*", "team:"));
  EXPECT_TRUE(glob_contains("a[bc]*", "a[bc]*"));
  EXPECT_TRUE(glob_contains("te\\am", "team"));
  EXPECT_TRUE(glob_contains("a\\*b*", "a\\*bc?"));
  EXPECT_FALSE(glob_contains("team:*", "team*"));
  EXPECT_FALSE(glob_contains("team:*", "tea?:x"));
  EXPECT_TRUE(glob_contains("team:*x", "team:ax"));
  EXPECT_TRUE(glob_contains("team:*x", "team:*x*x"));
  EXPECT_TRUE(glob_contains("__keyevent@*__:*", "__keyevent@0__:*"));
  EXPECT_TRUE(glob_contains("__keyevent@*__:*", "__keyevent@?__:expired"));
  EXPECT_TRUE(glob_contains("*:q:*", "team:q:[ab]"));
  EXPECT_TRUE(glob_contains("t?am", "t?am"));
  EXPECT_TRUE(glob_contains("t?am*", "team[x"));
  EXPECT_FALSE(glob_contains("t?am", "t*am"));
  EXPECT_FALSE(glob_contains("t??m*", "t?*m"));
  EXPECT_FALSE(glob_contains("*:q:*", "team:[q]:x"));
  EXPECT_FALSE(glob_contains("__keyevent@*__:*", "__key*"));
  EXPECT_FALSE(glob_contains("*x", "*"));
  EXPECT_FALSE(glob_contains("[ab]*", "a*"));
  EXPECT_FALSE(glob_contains("a\\*b*", "axb*"));
  EXPECT_FALSE(glob_contains("team", "team*"));
  EXPECT_FALSE(glob_contains("", "a"));
}

}  // namespace
}  // namespace keyward::policy
