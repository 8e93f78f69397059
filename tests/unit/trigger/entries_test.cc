#include "trigger/entries.h"

#include <gtest/gtest.h>

namespace keyward::trigger {
namespace {

using Reply = upstream::ControlReply;
using Type = Reply::Type;

Reply text(const std::string& value) { return {Type::string, value, 0, {}}; }
Reply nil() { return {}; }
Reply list(std::vector<Reply> elements) { return {Type::array, "", 0, std::move(elements)}; }
Reply error(const std::string& value) { return {Type::error, value, 0, {}}; }

Reply entry(const std::string& id) { return list({text(id), list({text("a"), text("1")})}); }

TEST(Entries, AreReadAndThoseThatAreGoneAreTold) {
  const auto read =
      read_entries(list({list({text("s"), list({entry("5-0"), list({text("6-1"), nil()})})})}));
  ASSERT_TRUE(read);
  ASSERT_EQ(read->size(), 2U);
  EXPECT_EQ((*read)[0].id, (EntryId{5, 0}));
  EXPECT_EQ((*read)[0].fields[0].name, "a");
  EXPECT_FALSE((*read)[0].deleted);
  EXPECT_TRUE((*read)[1].deleted);
  EXPECT_TRUE(read_entries(nil())->empty());
}

TEST(Entries, ClaimedOnesComeWithWhatIsGone) {
  const auto now = claimed_entries(list({text("7-0"), list({entry("5-0")}), list({text("4-0")})}));
  ASSERT_TRUE(now);
  EXPECT_EQ(now->next, "7-0");
  EXPECT_EQ(now->entries.size(), 1U);
  EXPECT_EQ(now->dropped, (std::vector<EntryId>{{4, 0}}));
  // 6.2 answers nil in the place of one that is gone.
  const auto old = claimed_entries(list({text("0-0"), list({nil(), entry("5-0")})}));
  ASSERT_TRUE(old);
  EXPECT_EQ(old->entries.size(), 1U);
}

TEST(Entries, AnythingElseIsAnError) {
  EXPECT_EQ(read_entries(error("NOGROUP no")).error().message(), "NOGROUP no");
  for (const Reply& strange :
       {text("x"), list({}), list({text("s")}), list({list({text("s"), text("x")})}),
        list({list({text("s"), list({list({text("x"), list({})})})})}),
        list({list({text("s"), list({list({text("1-0"), list({text("odd")})})})})})})
    EXPECT_FALSE(read_entries(strange));
  EXPECT_FALSE(claimed_entries(nil()));
  EXPECT_FALSE(claimed_entries(list({text("x"), list({})})));
}

}  // namespace
}  // namespace keyward::trigger
