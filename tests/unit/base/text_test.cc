#include "keyward/base/text.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <set>
#include <vector>

namespace keyward {
namespace {

TEST(Joined, TextsAndNumbersOfAnyContainer) {
  EXPECT_EQ(joined(std::vector<std::string>{}, ", "), "");
  EXPECT_EQ(joined(std::vector<std::string>{"a"}, ", "), "a");
  EXPECT_EQ(joined(std::set<std::string>{"b", "a"}, ", "), "a, b");
  constexpr std::string_view words[] = {"x", "y"};
  EXPECT_EQ(joined(words, " "), "x y");
  EXPECT_EQ(joined(std::vector<std::uint32_t>{0, 15}, ","), "0,15");
  EXPECT_EQ(joined(std::vector<std::string>{"", "a", ""}, ","), ",a,") << "empty items count";
}

TEST(Joined, SaysHowManyMore) {
  const std::vector<int> three = {1, 2, 3};
  EXPECT_EQ(joined(three, " ", 3), "1 2 3");
  EXPECT_EQ(joined(three, " ", 2), "1 2 and 1 more");
  EXPECT_EQ(joined(three, ", ", 1), "1 and 2 more");
}

}  // namespace
}  // namespace keyward
