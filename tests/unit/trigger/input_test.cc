#include "keyward/trigger/input.h"

#include <boost/json/parse.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace keyward::trigger {
namespace {

using testing::HasSubstr;

Rule rule(const std::string& input) {
  Rule out;
  out.name = "orders";
  out.source = {SourceKind::stream, "shop:orders", "keyward"};
  if (!input.empty()) out.input = boost::json::parse(input);
  return out;
}

Event event() {
  Event out;
  out.id = {1700000000000, 3};
  out.stream = "shop:orders";
  out.fields = {{"order", "42"},
                {"body", R"({"b":1, "a":[true]})"},
                {"raw", "\xff\x01"},
                {"note", "a \"b\" \xc3\xa9"}};
  out.by = {"okta:w1", "producer", WallTime(std::chrono::milliseconds(1700000000123)), {}, "n"};
  return out;
}

TEST(Input, FillsItsPlaces) {
  const std::string input = R"x({"o": "{{fields.order}}", "n": "{{number fields.order}}",
    "j": "{{json fields.body}}", "r": "{{base64 fields.raw}}",
    "s": "{{rule}}/{{id}} by {{principal}} ({{grant}})",
    "x": [1, true, null, "{{time}}", "{{name}}"], "q": "{{fields.note}}"})x";
  const auto text = render_input(rule(input), event());
  ASSERT_TRUE(text) << text.error().message();
  EXPECT_EQ(*text, R"x({"o":"42","n":42,"j":{"b":1,"a":[true]},"r":"/wE=",)x"
                   R"x("s":"orders/1700000000000-3 by okta:w1 (producer)",)x"
                   R"x("x":[1,true,null,"2023-11-14T22:13:20.123Z","orders-1700000000000-3"],)x"
                   "\"q\":\"a \\\"b\\\" \xc3\xa9\"}");
}

TEST(Input, IsTheWholeEventByDefault) {
  Event one = event();
  one.fields = {{"a", "1"}, {"a", "2"}, {"b", ""}};
  EXPECT_EQ(*render_input(rule(""), one),
            R"({"id":"1700000000000-3","rule":"orders","source":"shop:orders",)"
            R"("time":"2023-11-14T22:13:20.123Z","principal":"okta:w1","grant":"producer",)"
            R"("fields":{"a":"2","b":""}})");
}

TEST(Input, SaysWhyItCannotBeAndShowsNoValue) {
  const auto why = [](const std::string& input) {
    const auto text = render_input(rule(input), event());
    return text ? "" : text.error().message();
  };
  EXPECT_THAT(why(R"("{{fields.nothing}}")"), HasSubstr("{{fields.nothing}} is not in the event"));
  EXPECT_THAT(why(R"("{{json fields.note}}")"), HasSubstr("is no JSON"));
  EXPECT_THAT(why(R"("{{number fields.body}}")"), HasSubstr("is no number"));
  EXPECT_THAT(why(R"("{{fields.raw}}")"), HasSubstr("is no UTF-8"));
  EXPECT_THAT(why(R"("{{fields}}")"), HasSubstr("no UTF-8"));
  EXPECT_THAT(why(""), HasSubstr("no UTF-8"));
  Event large = event();
  large.fields = {{"order", std::string(300'000, 'x')}};
  const auto text = render_input(rule(R"("{{fields.order}}")"), large);
  ASSERT_FALSE(text);
  EXPECT_THAT(text.error().message(), HasSubstr("more than 262144"));
}

TEST(Input, KnowsMessagesAndKeys) {
  Rule channel = rule(R"("{{channel}}: {{message}}")");
  channel.source.kind = SourceKind::channel;
  Event one = event();
  one.fields = {{"channel", "shop:c"}, {"message", "hello"}};
  EXPECT_EQ(*render_input(channel, one), R"("shop:c: hello")");
  EXPECT_EQ(subject_of(channel, one), "shop:c");
  Rule timer = rule(R"({"k":"{{key}}"})");
  timer.source.kind = SourceKind::expired;
  one.fields = {{"key", "shop:timer:1"}};
  EXPECT_EQ(*render_input(timer, one), R"({"k":"shop:timer:1"})");
  EXPECT_EQ(subject_of(timer, one), "shop:timer:1");
}

}  // namespace
}  // namespace keyward::trigger
