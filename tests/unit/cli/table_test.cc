#include "cli/table.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace keyward::cli {
namespace {

TEST(Table, ColumnsAreAsWideAsTheirWidestCell) {
  EXPECT_EQ(table({{"ID", "WHO", "STATE"}, {"1", "okta:bob", "idle"}, {"1234", "", ""}}),
            "ID    WHO       STATE\n"
            "1     okta:bob  idle\n"
            "1234            ");
  EXPECT_EQ(table({}), "");
}

// Clients choose their names: they must not move the reader's cursor.
TEST(Table, WhatOthersNamedIsShownNotObeyed) {
  const std::string shown = table({{"\x1b[2J\n", "x"}, {std::string(500, 'a'), "y"}});
  EXPECT_EQ(shown.find('\x1b'), std::string::npos);
  EXPECT_EQ(std::count(shown.begin(), shown.end(), '\n'), 1);
  EXPECT_LT(shown.size(), 200U);
}

}  // namespace
}  // namespace keyward::cli
