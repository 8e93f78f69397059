#include "keyward/trail/times.h"

#include <gtest/gtest.h>

namespace keyward::trail {
namespace {

const WallTime kNow{std::chrono::seconds(1'800'000'000)};  // 2027-01-15T08:00:00Z

std::string read(std::string_view text) {
  const auto time = parse_time(text, kNow);
  return time ? time_text(*time) : "?";
}

TEST(Times, AreReadAsPeopleWriteThem) {
  EXPECT_EQ(read("2026-01-01"), "2026-01-01T00:00:00.000000Z");
  EXPECT_EQ(read("2026-01-01T08:15"), "2026-01-01T08:15:00.000000Z");
  EXPECT_EQ(read("2026-01-01 08:15:07"), "2026-01-01T08:15:07.000000Z");
  EXPECT_EQ(read("2026-01-01T08:15:07.25Z"), "2026-01-01T08:15:07.250000Z");
  EXPECT_EQ(read("2026-01-01T08:15:07.123456789Z"), "2026-01-01T08:15:07.123456Z");
  EXPECT_EQ(read("2026-01-01T08:15:07+02:00"), "2026-01-01T06:15:07.000000Z");
  EXPECT_EQ(read("2026-01-01T08:15:07-00:30"), "2026-01-01T08:45:07.000000Z");
  EXPECT_EQ(read("2024-02-29"), "2024-02-29T00:00:00.000000Z");
  EXPECT_EQ(read("-24h"), "2027-01-14T08:00:00.000000Z");
  EXPECT_EQ(read("-90s"), "2027-01-15T07:58:30.000000Z");
  EXPECT_EQ(read("-15m"), "2027-01-15T07:45:00.000000Z");
  EXPECT_EQ(read("-7d"), "2027-01-08T08:00:00.000000Z");
  EXPECT_EQ(read("-2w"), "2027-01-01T08:00:00.000000Z");
}

TEST(Times, ThatAreNoneAreRefused) {
  for (const char* text : {"",
                           "-",
                           "-h",
                           "24h",
                           "-24",
                           "-24x",
                           "-1.5h",
                           "yesterday",
                           "2026",
                           "2026-1-1",
                           "2026-13-01",
                           "2026-02-29",
                           "2026-01-01T",
                           "2026-01-01T25:00",
                           "2026-01-01T08:61",
                           "2026-01-01T08:00:00.",
                           "2026-01-01T08:00:00+2",
                           "2026-01-01T08:00:00Zx",
                           "2026-01-01x",
                           "1969-01-01",
                           "-99999999999999999999h"})
    EXPECT_EQ(read(text), "?") << text;
  EXPECT_NE(parse_time("soon", kNow).error().message().find("-24h"), std::string::npos);
}

}  // namespace
}  // namespace keyward::trail
