#include "keyward/trail/export.h"

#include "golden.h"

#include "keyward/trail/reader.h"

#include <boost/json.hpp>
#include <gtest/gtest.h>

#include <array>

namespace keyward::trail {
namespace {

using test::golden;

std::string csv(const Record& record, const std::vector<std::string>& columns) {
  std::string out;
  CsvWriter::with(columns)->append(record, out);
  return out;
}

std::string csv_key(std::string_view key) {
  Record record;
  const std::array<std::string_view, 1> keys{key};
  record.keys = keys;
  return csv(record, {"keys"});
}

TEST(Csv, HasTheColumnsThatWereChosen) {
  RecordParser parser;
  Record record;
  const std::string line = golden("command_affected");
  ASSERT_TRUE(parser.parse(line, record));
  EXPECT_EQ(csv(record, {"time", "user", "command", "keys", "affected", "outcome", "lease_user"}),
            "2027-01-15T08:00:00.123456Z,airflow-worker,lpush,celery,3,ok,\r\n");
  std::string heading;
  CsvWriter::with({"user", "keys"})->append_heading(heading);
  EXPECT_EQ(heading, "user,keys\r\n");
  const auto wrong = CsvWriter::with({"user", "password"});
  ASSERT_FALSE(wrong);
  EXPECT_NE(wrong.error().message().find("\"password\""), std::string::npos);
  EXPECT_NE(wrong.error().message().find("policy_version"), std::string::npos);
}

TEST(Csv, QuotesByRfc4180) {
  EXPECT_EQ(csv_key("plain"), "plain\r\n");
  EXPECT_EQ(csv_key("a,b"), "\"a,b\"\r\n");
  EXPECT_EQ(csv_key("say \"hi\""), "\"say \"\"hi\"\"\"\r\n");
  EXPECT_EQ(csv_key("two\nlines"), "\"two\\x0alines\"\r\n");
  EXPECT_EQ(csv_key("\x1b[31m"), "\\x1b[31m\r\n");
  EXPECT_EQ(csv_key("\xff"), "\xc3\xbf\r\n");
  EXPECT_EQ(csv_key("caf\xc3\xa9"), "caf\xc3\xa9\r\n");
  Record record;
  const std::array<std::string_view, 2> keys{"a", "b"};
  record.keys = keys;
  EXPECT_EQ(csv(record, {"keys"}), "\"a; b\"\r\n");
}

TEST(Csv, GivesASpreadsheetNoFormula) {
  for (const std::string_view key : {"=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"}) {
    const std::string cell = csv_key(key);
    EXPECT_TRUE(cell.starts_with('\'') || cell.starts_with("\"'")) << cell;
  }
  Record record;
  record.affected = -3;
  EXPECT_EQ(csv(record, {"affected"}), "-3\r\n");
}

TEST(Joined, IsTheStoredLineWithItsSession) {
  Sessions sessions;
  RecordParser parser;
  Record record;
  const std::string session = golden("session"), line = golden("command_ok");
  std::string out;
  ASSERT_TRUE(parser.parse(line, record));
  append_joined(record, out);
  EXPECT_EQ(out, line);
  ASSERT_TRUE(parser.parse(session, record) && sessions.join(record));
  ASSERT_TRUE(parser.parse(line, record) && sessions.join(record));
  out.clear();
  append_joined(record, out);
  auto whole = boost::json::parse(out);
  EXPECT_EQ(whole.at_pointer("/joined/lease_user"), "kw_4be1");
  EXPECT_EQ(whole.at_pointer("/joined/policy_version"), "sha256:11aa22bb");
  EXPECT_EQ(whole.at_pointer("/joined/principal"), "okta:9f2c1a7be0d34c55");
  whole.as_object().erase("joined");
  EXPECT_EQ(whole, boost::json::parse(line));
}

}  // namespace
}  // namespace keyward::trail
