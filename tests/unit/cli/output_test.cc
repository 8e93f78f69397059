#include "cli/output.h"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <gtest/gtest.h>

#include <cstdio>

namespace keyward::cli {
namespace {

TEST(Latin1, EveryByteGoesThereAndBack) {
  std::string all;
  for (int byte = 0; byte < 256; ++byte) all += static_cast<char>(byte);
  const std::string text = latin1_to_utf8(all);
  EXPECT_EQ(bytes_from_latin1(text), all);
  // What a JSON library makes of it is the same text: it is valid UTF-8.
  const auto parsed = boost::json::parse(boost::json::serialize(boost::json::string(text)));
  EXPECT_EQ(parsed.as_string(), text);
}

TEST(Latin1, RefusesWhatIsNoByte) {
  EXPECT_EQ(bytes_from_latin1("\xC4\x80"), std::nullopt) << "U+0100";
  EXPECT_EQ(bytes_from_latin1("\xE2\x82\xAC"), std::nullopt) << "U+20AC";
  EXPECT_EQ(bytes_from_latin1("\xC3"), std::nullopt) << "cut short";
  EXPECT_EQ(bytes_from_latin1("\xC3("), std::nullopt) << "no continuation";
  EXPECT_EQ(bytes_from_latin1("\xFF"), std::nullopt) << "no UTF-8";
}

TEST(ShellQuoted, SurvivesAShell) {
  for (const std::string word : {"plain", "", "it's", "a b;c $(d) `e` \"f\" \\g", "-n", "*"}) {
    const std::string line = "printf %s " + shell_quoted(word);
    FILE* pipe = popen(line.c_str(), "r");
    ASSERT_NE(pipe, nullptr);
    char got[256] = {};
    const std::size_t count = fread(got, 1, sizeof got, pipe);
    pclose(pipe);
    EXPECT_EQ(std::string(got, count), word);
  }
}

TEST(DiagnosticsAsJson, HoldEveryPart) {
  Diagnostics found;
  found.error("a.yaml", 3, 5, "what \"it\" is", "this");
  found.warning("b.yaml", 0, 0, "careful");
  const auto value = to_json(found);
  ASSERT_EQ(value.as_array().size(), 2U);
  EXPECT_EQ(value.at(0).at("level").as_string(), "error");
  EXPECT_EQ(value.at(0).at("line").as_int64(), 3);
  EXPECT_EQ(value.at(0).at("what").as_string(), "what \"it\" is");
  EXPECT_EQ(value.at(1).at("level").as_string(), "warning");
}

}  // namespace
}  // namespace keyward::cli
