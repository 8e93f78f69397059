#include "lease/acl_log.h"

#include <gtest/gtest.h>

namespace keyward::lease {
namespace {

using namespace std::chrono_literals;
using upstream::ControlReply;

constexpr const char* kUser = "kw_00000000_0123456789abcdef";

struct Line {
  std::int64_t count = 1;
  std::string age = "0.5";
  std::string user = kUser;
  std::string object = "app:k";
  std::string context = "toplevel";
  std::int64_t id = -1;  // none before 7.2
};

ControlReply text(std::string value) {
  ControlReply reply;
  reply.type = ControlReply::Type::string;
  reply.text = std::move(value);
  return reply;
}

ControlReply number(std::int64_t value) {
  ControlReply reply;
  reply.type = ControlReply::Type::integer;
  reply.integer = value;
  return reply;
}

ControlReply log_of(const std::vector<Line>& lines) {
  ControlReply log;
  log.type = ControlReply::Type::array;
  for (const Line& line : lines) {
    ControlReply entry;
    entry.type = ControlReply::Type::array;
    entry.elements = {text("count"),       number(line.count),
                      text("reason"),      text("key"),
                      text("context"),     text(line.context),
                      text("object"),      text(line.object),
                      text("username"),    text(line.user),
                      text("age-seconds"), text(line.age),
                      text("client-info"), text("id=4 addr=127.0.0.1:5 cmd=get user=u")};
    if (line.id >= 0) {
      entry.elements.push_back(text("entry-id"));
      entry.elements.push_back(number(line.id));
    }
    log.elements.push_back(std::move(entry));
  }
  return log;
}

class AclLog : public testing::Test {
 protected:
  std::size_t after(std::chrono::milliseconds wait, const std::vector<Line>& lines) {
    now += wait;
    trips = watch.observe(log_of(lines), now);
    return trips.size();
  }
  AclLogWatch watch{"kw_00000000_"};
  MonoTime now{std::chrono::hours(9)};
  std::vector<AclTrip> trips;
};

TEST_F(AclLog, WhatStoodThereFirstIsThePast) {
  EXPECT_EQ(after(0ms, {{}}), 0U);
  EXPECT_EQ(after(5s, {{.age = "5.5"}}), 0U);
}

TEST_F(AclLog, TellsOfOurUsersOnly) {
  EXPECT_EQ(after(0ms, {}), 0U);
  ASSERT_EQ(after(5s, {{}, {.user = "other"}, {.user = "kw_11111111_0123456789abcdef"}}), 1U);
  EXPECT_EQ(trips[0].user, kUser);
  EXPECT_EQ(trips[0].reason, "key");
  EXPECT_EQ(trips[0].object, "app:k");
  EXPECT_EQ(trips[0].context, "toplevel");
  EXPECT_EQ(trips[0].count, 1U);
}

TEST_F(AclLog, ScriptsAreNoDrift) {
  EXPECT_EQ(after(0ms, {}), 0U);
  EXPECT_EQ(after(5s, {{.context = "lua"}, {.context = "script"}}), 0U);
  EXPECT_EQ(after(5s, {{.context = "multi"}}), 1U);
}

TEST_F(AclLog, EqualEntriesAreMergedAndTheirNewOnesCounted) {
  EXPECT_EQ(after(0ms, {}), 0U);
  EXPECT_EQ(after(5s, {{}}), 1U);
  EXPECT_EQ(after(5s, {{.age = "5.5"}}), 0U);
  ASSERT_EQ(after(5s, {{.count = 4, .age = "0.1"}}), 1U);
  EXPECT_EQ(trips[0].count, 3U);
  // A minute later Redis begins another entry beside the old one.
  ASSERT_EQ(after(90s, {{.count = 1, .age = "0.1"}, {.count = 4, .age = "90.1"}}), 1U);
  EXPECT_EQ(trips[0].count, 1U);
  EXPECT_EQ(after(5s, {{.count = 1, .age = "5.1"}, {.count = 4, .age = "95.1"}}), 0U);
}

TEST_F(AclLog, ALogThatSomebodyEmptiedBeginsAnew) {
  EXPECT_EQ(after(0ms, {}), 0U);
  EXPECT_EQ(after(5s, {{.count = 7}}), 1U);
  ASSERT_EQ(after(5s, {{.count = 2, .age = "0.2"}}), 1U);
  EXPECT_EQ(trips[0].count, 2U);
  EXPECT_EQ(after(5s, {}), 0U);
  EXPECT_EQ(after(5s, {{}}), 1U);
}

TEST_F(AclLog, AnOldPartThatFellOffTheEndIsNotNew) {
  EXPECT_EQ(after(0ms, {}), 0U);
  EXPECT_EQ(after(5s, {{.count = 1, .age = "0.1"}, {.count = 4, .age = "90.1"}}), 1U);
  EXPECT_EQ(after(5s, {{.count = 1, .age = "5.1"}}), 0U);
}

TEST_F(AclLog, EntriesWithIdsAreKnownByThem) {
  EXPECT_EQ(after(0ms, {}), 0U);
  EXPECT_EQ(after(5s, {{.id = 3}}), 1U);
  EXPECT_EQ(after(1ms, {{.id = 3}, {.id = 4}}), 1U);
  EXPECT_EQ(after(1ms, {{.count = 2, .id = 3}, {.id = 4}}), 1U);
  EXPECT_EQ(after(1ms, {{.count = 2, .id = 3}, {.id = 4}}), 0U);
}

TEST_F(AclLog, AnEntryThatIsNotOneIsIgnored) {
  ControlReply log = log_of({{}});
  log.elements.push_back(text("what"));
  log.elements.push_back(log_of({}));
  EXPECT_TRUE(watch.observe(log_of({}), now).empty());
  EXPECT_EQ(watch.observe(log, now).size(), 1U);
}

}  // namespace
}  // namespace keyward::lease
