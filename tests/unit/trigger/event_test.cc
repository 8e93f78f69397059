#include "keyward/trigger/event.h"

#include "keyward/trigger/target.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

namespace keyward::trigger {
namespace {

TEST(EntryIds, AreReadStrictly) {
  EXPECT_EQ(parse_entry_id("1699999999999-7"), (EntryId{1699999999999, 7}));
  EXPECT_EQ((EntryId{1699999999999, 7}.text()), "1699999999999-7");
  for (const char* wrong :
       {"", "-", "1", "1-", "-1", "1-2-3", "a-1", "1-b", " 1-1", "+1-1", "99999999999999999999-1"})
    EXPECT_FALSE(parse_entry_id(wrong)) << wrong;
}

TEST(ExecutionNames, AreSafeShortAndNeverShared) {
  const EntryId id{1699999999999, 0};
  EXPECT_EQ(execution_name("orders", id), "orders-1699999999999-0");
  const EntryId longest{~0ULL, ~0ULL};
  std::set<std::string> seen;
  for (const std::string& rule :
       {std::string("a.b"), std::string("a_b"), std::string("a-b"), std::string(64, 'x'),
        std::string(63, 'x') + ".", std::string(63, 'x') + "y"}) {
    for (const EntryId& one : {id, longest}) {
      const std::string name = execution_name(rule, one);
      EXPECT_LE(name.size(), 80U);
      EXPECT_TRUE(std::all_of(name.begin(), name.end(), [](unsigned char c) {
        return std::isalnum(c) != 0 || c == '-' || c == '_';
      })) << name;
      EXPECT_TRUE(seen.insert(name).second) << name;
      EXPECT_EQ(name, execution_name(rule, one));
    }
  }
}

}  // namespace
}  // namespace keyward::trigger
