#include "audit/redact.h"

#include "audit/activity.h"

#include <boost/json.hpp>
#include <gtest/gtest.h>

namespace keyward::audit {
namespace {

using Views = std::vector<std::string_view>;
using Places = std::vector<std::uint32_t>;

RequestText text_of(const RequestView& request) {
  RequestText text;
  RequestPrinter().print(request, text);
  return text;
}

std::string query(std::string_view command, const Views& args, const Places& keys,
                  const Places& channels = {}) {
  const RequestText text =
      text_of({.command = command, .args = args, .keys = keys, .channels = channels});
  const auto info = boost::json::parse("{" + std::string(text.query().substr(1)) + "}");
  return std::string(info.at_pointer("/query_info/query_string").as_string());
}

boost::json::object names(const Views& keys, bool* cut_any = nullptr) {
  Views args{"del"};
  args.insert(args.end(), keys.begin(), keys.end());
  Places places;
  for (std::uint32_t place = 1; place < args.size(); ++place) places.push_back(place);
  const RequestText text = text_of({.command = "del", .args = args, .keys = places});
  if (cut_any != nullptr) *cut_any = text.cut;
  return boost::json::parse("{" + std::string(text.names().substr(1)) + "}").as_object();
}

TEST(Redact, ValuesShowTheirLengthOnly) {
  const Views args{"set", "airflow:k", "value", "EX", "1"};
  EXPECT_EQ(query("set", args, {1}), "SET airflow:k <5 bytes> <2 bytes> <1 byte>");
}

TEST(Redact, AValueEqualToTheKeyStaysHidden) {
  const std::string key = "same", value = "same";
  EXPECT_EQ(query("set", {"SET", key, value}, {1}), "SET same <4 bytes>");
}

TEST(Redact, SubcommandsAndChannels) {
  const Views config{"CONFIG", "SET", "requirepass", "hunter2"};
  EXPECT_EQ(query("config|set", config, {}), "CONFIG SET <11 bytes> <7 bytes>");
  const Views publish{"publish", "news", "text"};
  EXPECT_EQ(query("publish", publish, {}, {1}), "PUBLISH news <4 bytes>");
}

TEST(Redact, NamesCannotPassForOtherArguments) {
  const Views args{"get", "a <5 bytes> \"x\\\n\xff"};
  EXPECT_EQ(query("get", args, {1}), R"(GET "a <5 bytes> \"x\\\x0a\xff")");
  const Views empty{"get", ""};
  EXPECT_EQ(query("get", empty, {1}), R"(GET "")");
}

TEST(Redact, ManyArgumentsAreCounted) {
  Views args{"DEL"};
  const std::string key = "k";
  args.resize(1001, key);
  const std::string shown = query("del", args, {});
  EXPECT_TRUE(shown.ends_with("<1 byte> ... 960 more")) << shown;
}

TEST(Redact, LengthsGivenApartStandForBytesThatAreElsewhere) {
  const Views args{"set", "airflow:k", ""};
  const Places keys{1};
  const std::vector<std::size_t> lengths{3, 9, 1 << 30};
  const RequestText text =
      text_of({.command = "set", .args = args, .keys = keys, .lengths = lengths});
  EXPECT_NE(text.query().find("SET airflow:k <1073741824 bytes>"), std::string_view::npos);
}

// The room that is made for a request is enough for the worst one.
TEST(Redact, TheLongestRequestFits) {
  const std::string name(1 << 20, '\x01');
  const Views args(200, name);
  Places places(200);
  for (std::uint32_t place = 0; place < 200; ++place) places[place] = place;
  const std::string command(1 << 10, '"');
  const RequestText text =
      text_of({.command = command, .args = args, .keys = places, .channels = places});
  EXPECT_LE(text.names_size, 2 * kNamesSize);
  EXPECT_LE(text.query().size(), kQuerySize);
  EXPECT_TRUE(text.cut);
}

TEST(Redact, UnknownCommandNamesAreHarmless) {
  EXPECT_EQ(query("no\nsuch\x1b\"cmd", {"x"}, {}), "NO?SUCH??CMD");
  EXPECT_EQ(query(std::string(100, 'a'), {"x"}, {}), std::string(64, 'A') + "...");
}

TEST(Redact, ListsKeysWithCountAndMarks) {
  const std::string big(1 << 20, 'b');
  bool cut_any = false;
  const auto fields = names({"plain", "\xff\x01", big}, &cut_any);
  EXPECT_TRUE(cut_any);
  EXPECT_EQ(fields.at("keys").as_array()[0], "plain");
  EXPECT_EQ(fields.at("keys").as_array()[1], "\xc3\xbf\x01");
  EXPECT_EQ(fields.at("keys").as_array()[2].as_string().size(), kNameLimit);
  EXPECT_FALSE(fields.contains("key_count"));
  EXPECT_EQ(boost::json::serialize(fields.at("keys_latin1")), "[1]");
  EXPECT_EQ(boost::json::serialize(fields.at("keys_cut")), R"([{"index":2,"bytes":1048576}])");
}

TEST(Redact, ListsAtMostSixteenKeys) {
  bool cut_any = false;
  const auto fields = names(Views(17, "k"), &cut_any);
  EXPECT_TRUE(cut_any);
  EXPECT_EQ(fields.at("keys").as_array().size(), 16U);
  EXPECT_EQ(fields.at("key_count"), 17);
  static_cast<void>(names(Views(16, "k"), &cut_any));
  EXPECT_FALSE(cut_any);
}

TEST(Redact, ListsWhatAScriptCalls) {
  const Views args{"EVAL", "redis.call('get', KEYS[1])", "1", "k"};
  const Views calls{"get", "xgroup|create"};
  const RequestText text =
      text_of({.command = "eval", .args = args, .keys = Places{3}, .calls = calls});
  const auto names = boost::json::parse("{" + std::string(text.names().substr(1)) + "}");
  EXPECT_EQ(names.at("calls"), (boost::json::array{"get", "xgroup|create"}));
  const Views many(200, std::string_view("zrevrangebyscore"));
  EXPECT_EQ(
      boost::json::parse(
          "{" +
          std::string(text_of({.command = "eval", .args = args, .calls = many}).names().substr(1)) +
          "}")
          .at("calls")
          .as_array()
          .size(),
      kCallsListed);
}

TEST(Activity, NamesFirstThenEffects) {
  EXPECT_EQ(activity_of("get", true, false), Activity::read);
  EXPECT_EQ(activity_of("incr", true, true), Activity::update);
  EXPECT_EQ(activity_of("set", false, true), Activity::write);
  EXPECT_EQ(activity_of("evalsha", false, true), Activity::query);
  EXPECT_EQ(activity_of("unlink", false, true), Activity::remove);
  EXPECT_EQ(activity_of("scan", true, false), Activity::list);
  EXPECT_EQ(activity_of("xgroup|create", false, true), Activity::create);
  EXPECT_EQ(activity_of("config|set", false, false), Activity::other);
}

}  // namespace
}  // namespace keyward::audit
