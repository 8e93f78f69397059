#include "keyward/base/log.h"

#include <boost/json.hpp>
#include <gtest/gtest.h>

namespace keyward::log {
namespace {

std::string logged(std::string_view level, bool json, auto&& write) {
  setup(level, json);
  ::testing::internal::CaptureStderr();
  write();
  spdlog::default_logger()->flush();
  return ::testing::internal::GetCapturedStderr();
}

TEST(Log, OneEventIsOneLineWhateverItHolds) {
  const std::string line = logged(
      "info", false, [] { spdlog::info("a\nb\r\x1b[31m{}", std::string_view("\0\xff", 2)); });
  EXPECT_TRUE(line.ends_with(" info a\\x0ab\\x0d\\x1b[31m\\x00\\xff\n")) << line;
  EXPECT_EQ(std::count(line.begin(), line.end(), '\n'), 1);
}

TEST(Log, JsonIsParsedBackEqual) {
  const std::string text = "q\" b\\ n\n t\t caf\xc3\xa9 \x7f";
  const std::string line = logged("info", true, [&] { spdlog::warn("{}", text); });
  const auto event = boost::json::parse(line).as_object();
  EXPECT_EQ(event.at("message").as_string(), text);
  EXPECT_EQ(event.at("level").as_string(), "warn");
  EXPECT_EQ(event.at("time").as_string().size(),
            std::string_view("2026-01-01T00:00:00.000Z").size());
}

TEST(Log, JsonStaysUtf8) {
  const std::string line = logged("info", true, [] { spdlog::info("a\xff\xc0\x80z"); });
  EXPECT_EQ(boost::json::parse(line).at("message").as_string(),
            "a\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbdz");
}

TEST(Log, LevelsBelowTheChosenAreSilent) {
  EXPECT_EQ(logged("warn", false, [] { spdlog::info("no"); }), "");
  EXPECT_NE(logged("trace", false, [] { spdlog::trace("yes"); }), "");
  EXPECT_EQ(logged("error", false, [] { spdlog::warn("no"); }), "");
}

TEST(Printable, ShowsBytesWithoutAmbiguity) {
  EXPECT_EQ(printable("plain text"), "plain text");
  EXPECT_EQ(printable("a\\x00\n\xff"), "a\\x5cx00\\x0a\\xff");
  EXPECT_EQ(printable("abcdef", 3), "abc...");
  EXPECT_EQ(printable("abc", 3), "abc");
}

}  // namespace
}  // namespace keyward::log
