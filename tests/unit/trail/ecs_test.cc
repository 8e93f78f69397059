#include "keyward/trail/ecs.h"

#include "golden.h"

#include "keyward/trail/reader.h"

#include <boost/json.hpp>
#include <gtest/gtest.h>

#include <arpa/inet.h>
#include <array>
#include <map>
#include <netinet/in.h>
#include <regex>
#include <sstream>

namespace keyward::trail {
namespace {

namespace json = boost::json;
using test::all_goldens;
using test::golden;

struct FieldType {
  std::string type;
  bool array = false;
};

// The official types of the fields that are written (tests/schema/ecs_fields_8.17.0.csv).
std::map<std::string, FieldType> official() {
  std::map<std::string, FieldType> types;
  std::ifstream file(std::string(KEYWARD_SOURCE_DIR) + "/tests/schema/ecs_fields_8.17.0.csv");
  for (std::string line; std::getline(file, line);) {
    std::istringstream row(line);
    std::string name, type, normal;
    std::getline(row, name, ',');
    std::getline(row, type, ',');
    std::getline(row, normal, ',');
    types[name] = {type, normal == "array"};
  }
  return types;
}

bool of_type(const json::value& value, const std::string& type) {
  if (type == "keyword" || type == "match_only_text") return value.is_string();
  if (type == "long") return value.is_int64() || value.is_uint64();
  if (type == "boolean") return value.is_bool();
  if (!value.is_string()) return false;
  const std::string text(value.as_string());
  static const std::regex kDate(R"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z)");
  if (type == "date") return std::regex_match(text, kDate);
  std::array<char, sizeof(in6_addr)> bytes;
  return type == "ip" && (::inet_pton(AF_INET, text.c_str(), bytes.data()) == 1 ||
                          ::inet_pton(AF_INET6, text.c_str(), bytes.data()) == 1);
}

std::string joined_ecs(const std::string& name) {
  Sessions sessions;
  RecordParser parser;
  Record record;
  const std::string session = golden("session"), line = golden(name);
  EXPECT_TRUE(parser.parse(session, record) && sessions.join(record));
  EXPECT_TRUE(parser.parse(line, record));
  (void)sessions.join(record);
  std::string out;
  append_ecs(record, out);
  return out;
}

void check(const json::value& value, const std::string& path,
           const std::map<std::string, FieldType>& types, std::map<std::string, json::kind>& own) {
  if (value.is_object()) {
    EXPECT_FALSE(value.as_object().empty()) << path;
    for (const auto& [name, inner] : value.as_object())
      check(inner, path.empty() ? std::string(name) : path + "." + std::string(name), types, own);
    return;
  }
  if (path.starts_with("keyward.")) {  // one type each, over all kinds of records
    const json::kind kind = value.is_uint64() ? json::kind::int64 : value.kind();
    EXPECT_EQ(own.emplace(path, kind).first->second, kind) << path;
    return;
  }
  const auto found = types.find(path);
  ASSERT_NE(found, types.end()) << path << " is no field of ECS";
  EXPECT_EQ(value.is_array(), found->second.array) << path;
  if (!value.is_array()) {
    EXPECT_TRUE(of_type(value, found->second.type)) << path << " " << json::serialize(value);
    return;
  }
  for (const auto& one : value.as_array())
    EXPECT_TRUE(of_type(one, found->second.type)) << path << " " << json::serialize(one);
}

TEST(Case11_Ecs, KeepsTheTypesOfEcsForEveryKind) {
  const auto types = official();
  ASSERT_GT(types.size(), 30U);
  std::map<std::string, json::kind> own;
  for (const std::string& name : all_goldens()) {
    SCOPED_TRACE(name);
    const std::string line = joined_ecs(name);
    EXPECT_EQ(line.find('\n'), std::string::npos);
    json::error_code error;
    const auto whole = json::parse(line, error);
    ASSERT_FALSE(error) << line;
    check(whole, "", types, own);
    for (const char* needed : {"/@timestamp", "/ecs/version", "/event/kind", "/event/category",
                               "/event/type", "/event/outcome", "/event/id", "/keyward/kind"})
      EXPECT_NE(whole.find_pointer(needed, error), nullptr) << needed;
  }
}

// What ECS allows as values (schemas/event.yml of the same version).
TEST(Case11_Ecs, UsesTheWordsOfEcs) {
  const std::vector<std::string> categories{"authentication", "configuration", "database", "iam",
                                            "process"};
  const std::vector<std::string> types{"access", "admin", "change", "creation", "deletion",
                                       "denied", "end",   "info",   "start",    "user"};
  const auto among = [](const std::vector<std::string>& all, const json::value& one) {
    return std::find(all.begin(), all.end(), std::string(one.as_string())) != all.end();
  };
  for (const std::string& name : all_goldens()) {
    SCOPED_TRACE(name);
    const auto whole = json::parse(joined_ecs(name));
    for (const auto& one : whole.at_pointer("/event/category").as_array())
      EXPECT_TRUE(among(categories, one));
    for (const auto& one : whole.at_pointer("/event/type").as_array())
      EXPECT_TRUE(among(types, one));
    EXPECT_TRUE(among({"success", "failure", "unknown"}, whole.at_pointer("/event/outcome")));
  }
}

TEST(Ecs, OfACommand) {
  const auto whole = json::parse(joined_ecs("command_affected"));
  const auto text = [&](const char* pointer) {
    return std::string(whole.at_pointer(pointer).as_string());
  };
  EXPECT_EQ(text("/@timestamp"), "2027-01-15T08:00:00.123456Z");
  EXPECT_EQ(text("/event/id"), "kw-1.shard-0.12");
  EXPECT_EQ(text("/event/action"), "lpush");
  EXPECT_EQ(text("/event/outcome"), "success");
  EXPECT_EQ(whole.at_pointer("/event/duration"), 131'000);
  EXPECT_EQ(whole.at_pointer("/event/sequence"), 12);
  EXPECT_EQ(text("/user/id"), "okta:9f2c1a7be0d34c55");
  EXPECT_EQ(text("/user/domain"), "okta");
  EXPECT_EQ(text("/source/ip"), "10.1.2.3");
  EXPECT_EQ(text("/tls/version"), "1.3");
  EXPECT_EQ(text("/rule/id"), "airflow.yaml:12");
  EXPECT_EQ(whole.at_pointer("/keyward/affected"), 3);
  EXPECT_EQ(text("/keyward/lease_user"), "kw_4be1");
  EXPECT_EQ(whole.at_pointer("/keyward/keys").as_array().at(0), "celery");
  EXPECT_EQ(json::serialize(whole.at_pointer("/event/type")), R"(["change"])");
}

TEST(Ecs, OfAnAddressThatIsNone) {
  const std::string line =
      R"({"class_uid":6005,"src_endpoint":{"ip":"fe80::1%eth0","port":1},"metadata":{"uid":"a.b.1"},)"
      R"("unmapped":{"keyward":{"prev":"0","sequence":1,"time_us":1,"kind":"command"}}})";
  RecordParser parser;
  Record record;
  ASSERT_TRUE(parser.parse(line, record));
  std::string out;
  append_ecs(record, out);
  const auto whole = json::parse(out);
  EXPECT_EQ(json::serialize(whole.at_pointer("/source")), R"({"address":"fe80::1%eth0","port":1})");
  json::error_code error;
  EXPECT_EQ(whole.find_pointer("/related", error), nullptr);
}

}  // namespace
}  // namespace keyward::trail
