// Everything about forwarding that needs no receiver: envelopes, answers, waiting, the stored
// position.
#include "forward/backoff.h"
#include "forward/dialect.h"
#include "forward/gzip.h"
#include "forward/item.h"
#include "forward/refused_file.h"
#include "forward/syslog.h"
#include "support/temp_dir.h"

#include "keyward/forward/position.h"

#include <boost/json.hpp>
#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>
#include <random>
#include <sys/stat.h>

namespace keyward::forward {
namespace {

namespace json = boost::json;
using namespace std::chrono_literals;
using keyward::test::TempDir;
using std::chrono::milliseconds;
using testing::HasSubstr;
using Verdict = Answer::Verdict;

Item item(std::uint64_t sequence, std::string kind = "command") {
  audit::FedRecord record;
  record.stream = "shard-0";
  record.kind = std::move(kind);
  record.sequence = sequence;
  record.time_us = 1'800'000'000'123'456;
  record.line =
      R"({"class_uid":6005,"category_uid":6,"severity_id":1,"status_id":1,"keys":["ä\"]\\"]})";
  return make_item(std::move(record), "kw-1");
}

std::vector<Item> items(std::size_t count) {
  std::vector<Item> out;
  for (std::size_t at = 0; at < count; ++at) out.push_back(item(at + 1));
  return out;
}

TEST(Syslog, FramesCountBytesAndHoldTheLineAsItIs) {
  const Item one = item(13);
  const std::string frame = syslog_frame(one, "host one", "kw-1", 42);
  const std::size_t space = frame.find(' ');
  EXPECT_EQ(std::stoul(frame.substr(0, space)), frame.size() - space - 1);
  EXPECT_THAT(frame, HasSubstr("<110>1 2027-01-15T08:00:00.123456Z host_one keyward 42 command "
                               "[keyward@32473 instance=\"kw-1\" stream=\"shard-0\" "
                               "sequence=\"13\" kind=\"command\"] {"));
  EXPECT_TRUE(frame.ends_with(one.line));
}

TEST(Syslog, SeverityFollowsTheRecordAndItsOutcome) {
  Item one = item(1);
  EXPECT_EQ(syslog_priority(one), 13 * 8 + 6);
  one.failed = true;
  EXPECT_EQ(syslog_priority(one), 13 * 8 + 4);
  one.severity = 4;
  EXPECT_EQ(syslog_priority(one), 13 * 8 + 3);
  EXPECT_TRUE(item(1, "denial").failed);
}

TEST(Syslog, WhatRfc5424DoesNotAllowIsCleaned) {
  Item one = item(1);
  one.stream = "a\"b]c\\d";
  EXPECT_THAT(
      syslog_frame(one, "", "kw-1", 1),
      HasSubstr(R"( - keyward 1 command [keyward@32473 instance="kw-1" stream="a\"b\]c\\d")"));
}

TEST(Envelopes, AreJsonWithTheRecordInside) {
  const auto list = items(3);
  ForwarderConfig config;
  config.sourcetype = "keyward:audit";
  config.index = "audit";
  config.url = "https://x/";
  std::string rest = encode_hec(config, "kw-1", list).body;
  std::size_t count = 0;
  while (!rest.empty()) {
    const std::size_t end = rest.find('\n');
    const auto event = json::parse(rest.substr(0, end));
    EXPECT_EQ(json::serialize(event.at("event")), json::serialize(json::parse(list[count].line)));
    EXPECT_EQ(event.at("fields").at("keyward_uid").as_string(), list[count].uid);
    EXPECT_DOUBLE_EQ(event.at("time").as_double(), 1800000000.123456);
    rest.erase(0, end + 1);
    ++count;
  }
  EXPECT_EQ(count, 3U);
  const auto otlp = json::parse(encode_otlp(config, "kw-1", list).body);
  const auto& records = otlp.at_pointer("/resourceLogs/0/scopeLogs/0/logRecords").as_array();
  ASSERT_EQ(records.size(), 3U);
  EXPECT_EQ(records[1].at_pointer("/body/stringValue").as_string(), list[1].line);
  EXPECT_EQ(records[1].at("timeUnixNano").as_string(), "1800000000123456000");
  const Post bulk = encode_bulk(config, list);
  EXPECT_THAT(bulk.url, testing::StartsWith("https://x/audit/_bulk?filter_path="));
  EXPECT_THAT(bulk.body,
              testing::StartsWith("{\"create\":{\"_id\":\"kw-1.shard-0.1\"}}\n"
                                  "{\"@timestamp\":\"2027-01-15T08:00:00.123456Z\",\"class_uid\""));
  config.array = true;
  EXPECT_EQ(json::parse(encode_lines(config, list).body).as_array().size(), 3U);
  EXPECT_EQ(encode_lines(config, {}).body, "[]");
}

TEST(Answers, ByStatus) {
  const auto list = items(2);
  EXPECT_EQ(judge_status(204, "", list).done, 2U);
  for (const int status : {400, 413, 422})
    EXPECT_EQ(judge_status(status, "", list).verdict, Verdict::unfit) << status;
  for (const int status : {301, 401, 403, 404, 408, 429, 500, 502, 503, 504, 999})
    EXPECT_EQ(judge_status(status, "", list).verdict, Verdict::later) << status;
  EXPECT_THAT(judge_status(503, "a\nb", list).why, HasSubstr("a\\x0ab"));
}

TEST(Answers, OfTheEventCollector) {
  const auto list = items(2);
  EXPECT_EQ(judge_hec(200, R"({"text":"Success","code":0})", list).done, 2U);
  EXPECT_EQ(
      judge_hec(400, R"({"text":"Invalid data format","code":6,"invalid-event-number":1})", list)
          .verdict,
      Verdict::unfit);
  for (const char* body : {R"({"text":"Incorrect index","code":7,"invalid-event-number":0})",
                           R"({"text":"Data channel is missing","code":10})", "", "<html>"})
    EXPECT_EQ(judge_hec(400, body, list).verdict, Verdict::later) << body;
}

TEST(Answers, OfBulkAreReadDocumentByDocument) {
  const auto list = items(4);
  const auto body = [](std::initializer_list<int> statuses) {
    std::string out = R"({"errors":true,"items":[)";
    for (const int status : statuses)
      out += std::string(out.back() == '[' ? "" : ",") + R"({"create":{"status":)" +
             std::to_string(status) + R"(,"error":{"type":"t","reason":"r"}}})";
    return out + "]}";
  };
  EXPECT_EQ(judge_bulk(200, body({201, 409, 201, 201}), list).done, 4U);
  EXPECT_TRUE(judge_bulk(200, body({201, 409, 201, 201}), list).refused.empty());
  const Answer one = judge_bulk(200, body({201, 400, 201, 409}), list);
  EXPECT_EQ(one.done, 4U);
  ASSERT_EQ(one.refused.size(), 1U);
  EXPECT_EQ(one.refused[0].index, 1U);
  const Answer busy = judge_bulk(200, body({201, 400, 429, 201}), list);
  EXPECT_EQ(busy.verdict, Verdict::settled);
  EXPECT_EQ(busy.done, 2U);
  EXPECT_EQ(judge_bulk(200, body({429, 201, 201, 201}), list).verdict, Verdict::later);
  EXPECT_EQ(judge_bulk(200, body({404, 201, 201, 201}), list).verdict, Verdict::later);
  EXPECT_EQ(judge_bulk(200, body({201, 201, 201}), list).verdict, Verdict::later);
  for (const char* wrong :
       {"", "{}", "[]", R"({"items":{}})", R"({"items":[1,2,3,4]})",
        R"({"items":[{"create":1},{},{"a":1,"b":2},{"create":{"status":"201"}}]})"})
    EXPECT_EQ(judge_bulk(200, wrong, list).verdict, Verdict::later) << wrong;
}

TEST(Answers, OfOtlpTellHowManyWereRefused) {
  const auto list = items(4);
  EXPECT_EQ(judge_otlp(200, "", list).rejected, 0U);
  EXPECT_EQ(judge_otlp(200, R"({"partialSuccess":{}})", list).rejected, 0U);
  const Answer some = judge_otlp(
      200, R"({"partialSuccess":{"rejectedLogRecords":"3","errorMessage":"old"}})", list);
  EXPECT_EQ(some.verdict, Verdict::settled);
  EXPECT_EQ(some.done, 4U);
  EXPECT_EQ(some.rejected, 3U);
  EXPECT_EQ(some.why, "old");
  EXPECT_EQ(judge_otlp(200, R"({"partialSuccess":{"rejectedLogRecords":2}})", list).rejected, 2U);
  EXPECT_EQ(judge_otlp(200, "\x0a\x02", list).done, 4U);
}

TEST(Backoff, DoublesWithJitterUpToItsBound) {
  for (unsigned attempt = 0; attempt < 80; ++attempt) {
    milliseconds least = 1h, most = 0ms;
    for (std::uint32_t random = 0; random < 1000; ++random) {
      const auto wait = backoff(attempt, 500ms, 60s, random * 4294967U);
      least = std::min(least, wait);
      most = std::max(most, wait);
    }
    const milliseconds whole = attempt < 7 ? 500ms * (1 << attempt) : 60s;
    EXPECT_GE(least, whole / 2);
    EXPECT_LE(most, whole);
    EXPECT_GT(most, whole * 9 / 10);
  }
}

TEST(Backoff, ReadsRetryAfter) {
  const auto now = std::chrono::system_clock::from_time_t(1'800'000'000);
  EXPECT_EQ(retry_after("7", now), 7s);
  EXPECT_EQ(retry_after("0", now), 0s);
  EXPECT_EQ(retry_after("999999999999999999999", now), 1h);
  EXPECT_EQ(retry_after("Fri, 15 Jan 2027 08:00:30 GMT", now), 30s);
  EXPECT_EQ(retry_after("Fri, 15 Jan 2027 07:00:30 GMT", now), 0s);
  for (const char* wrong : {"", "soon", "7s", "-", "1.5"})
    EXPECT_EQ(retry_after(wrong, now), std::nullopt) << wrong;
}

TEST(PositionFile, IsReadAsItWasWritten) {
  TempDir dir;
  Position position{"kw-1", "siem", "tls://x:1", 1'800'000'000'123'456, {}};
  position.streams["shard-0"] = {3, 4711, 120, std::string(64, 'a')};
  position.streams["control"] = {1, 0, 0, ""};
  const std::string path = position_file(dir.path(), "kw-1", "siem");
  EXPECT_EQ(load_position(path).error().code(), Errc::not_found);
  ASSERT_TRUE(save_position(path, position));
  struct stat facts {};
  ASSERT_EQ(::stat(path.c_str(), &facts), 0);
  EXPECT_EQ(facts.st_mode & 0777, 0600U);
  const auto read = load_position(path);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->streams, position.streams);
  EXPECT_EQ(read->updated_us, position.updated_us);
  EXPECT_EQ(std::filesystem::path(path).filename(), "kw-1.siem.position");
}

TEST(PositionFile, NoChangedByteIsBelieved) {
  Position position{"kw-1", "siem", "tls://x:1", 1, {}};
  position.streams["shard-0"] = {3, 4711, 120, std::string(64, 'a')};
  const std::string text = text_of(position);
  for (std::size_t at = 0; at < text.size(); ++at) {
    std::string damaged = text;
    damaged[at] = static_cast<char>(damaged[at] ^ 1);
    EXPECT_FALSE(parse_position(damaged)) << at;
    EXPECT_FALSE(parse_position(text.substr(0, at))) << at;
  }
}

TEST(RefusedFile, IsBounded) {
  TempDir dir;
  const std::string path = dir.path() + "/x.refused.jsonl";
  RefusedFile file(path, 4000);
  for (int at = 0; at < 200; ++at)
    ASSERT_TRUE(file.add("kw-1.s." + std::to_string(at), "why \"so\"", R"({"a":1})"));
  EXPECT_LE(std::filesystem::file_size(path), 4000U);
  EXPECT_LE(std::filesystem::file_size(path + ".old"), 4000U);
  std::ifstream in(path);
  std::string line;
  ASSERT_TRUE(std::getline(in, line));
  EXPECT_EQ(json::parse(line).at("why").as_string(), "why \"so\"");
}

// gzip -d is the oracle.
TEST(Gzip, IsWhatGzipReads) {
  TempDir dir;
  std::mt19937 random(3);
  for (const std::size_t size : {0, 1, 100, 65536, 3000000}) {
    std::string text(size, 'x');
    for (char& byte : text) byte = static_cast<char>("abc{}\"\n"[random() % 7]);
    const std::string path = dir.path() + "/t";
    std::ofstream(path + ".gz", std::ios::binary) << gzip(text);
    ASSERT_EQ(std::system(("gzip -dfk " + path + ".gz").c_str()), 0) << size;
    std::ifstream in(path, std::ios::binary);
    EXPECT_EQ(std::string(std::istreambuf_iterator<char>(in), {}), text) << size;
    EXPECT_LT(gzip(text).size(), size / 2 + 100);
  }
}

TEST(GapItem, IsARecordOfItsOwn) {
  const Item gap = gap_item({"kw-1", "shard-0", "siem", "gone", 120, 7, 1'800'000'000'123'456});
  const auto record = json::parse(gap.line);
  EXPECT_EQ(record.at_pointer("/metadata/uid").as_string(), gap.uid);
  EXPECT_EQ(record.at_pointer("/unmapped/keyward/missed").as_int64(), 7);
  EXPECT_FALSE(gap.in_trail);
  EXPECT_EQ(record.at("severity_id").as_int64(), 4);
}

}  // namespace
}  // namespace keyward::forward
