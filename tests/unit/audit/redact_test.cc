#include "audit/redact.h"

#include "audit/activity.h"

#include <boost/json.hpp>
#include <gtest/gtest.h>

namespace keyward::audit {
namespace {

using Views = std::vector<std::string_view>;

std::string query(std::string_view command, const Views& args, const Views& keys,
                  const Views& channels = {}) {
  Event event;
  event.command = command;
  event.args = args;
  event.keys = keys;
  event.channels = channels;
  std::string inside;
  append_query(inside, event);
  return std::string(boost::json::parse("\"" + inside + "\"").as_string());
}

boost::json::object names(const Views& keys, bool* cut_any = nullptr) {
  std::string out;
  const bool cut_here = append_names(out, "key", keys);
  if (cut_any != nullptr) *cut_any = cut_here;
  return boost::json::parse("{" + out.substr(1) + "}").as_object();
}

TEST(Redact, ValuesShowTheirLengthOnly) {
  const Views args{"set", "airflow:k", "value", "EX", "1"};
  EXPECT_EQ(query("set", args, {args[1]}), "SET airflow:k <5 bytes> <2 bytes> <1 byte>");
}

TEST(Redact, AValueEqualToTheKeyStaysHidden) {
  const std::string key = "same", value = "same";
  EXPECT_EQ(query("set", {"SET", key, value}, {key}), "SET same <4 bytes>");
}

TEST(Redact, SubcommandsAndChannels) {
  const Views config{"CONFIG", "SET", "requirepass", "hunter2"};
  EXPECT_EQ(query("config|set", config, {}), "CONFIG SET <11 bytes> <7 bytes>");
  const Views publish{"publish", "news", "text"};
  EXPECT_EQ(query("publish", publish, {}, {publish[1]}), "PUBLISH news <4 bytes>");
}

TEST(Redact, NamesCannotPassForOtherArguments) {
  const Views args{"get", "a <5 bytes> \"x\\\n\xff"};
  EXPECT_EQ(query("get", args, {args[1]}), R"(GET "a <5 bytes> \"x\\\x0a\xff")");
  const Views empty{"get", ""};
  EXPECT_EQ(query("get", empty, {empty[1]}), R"(GET "")");
}

TEST(Redact, ManyArgumentsAreCounted) {
  Views args{"DEL"};
  const std::string key = "k";
  args.resize(1001, key);
  const std::string shown = query("del", args, {});
  EXPECT_TRUE(shown.ends_with("<1 byte> ... 960 more")) << shown;
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
  EXPECT_EQ(fields.at("key_count"), 3);
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
