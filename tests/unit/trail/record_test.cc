#include "keyward/trail/record.h"

#include "golden.h"
#include "support/temp_dir.h"

#include "keyward/trail/reader.h"

#include <boost/json.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

namespace keyward::trail {
namespace {

using test::all_goldens;
using test::golden;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

struct Parsed {
  explicit Parsed(std::string text) : line(std::move(text)) { ok = parser.parse(line, record); }
  std::string line;
  RecordParser parser;
  Record record;
  bool ok = false;
};

// What boost::json finds under a pointer, as text; empty when it is not there.
std::string at(const boost::json::value& whole, std::string_view pointer) {
  boost::json::error_code error;
  const auto* found = whole.find_pointer(pointer, error);
  if (found == nullptr) return "";
  return found->is_string() ? std::string(found->get_string()) : boost::json::serialize(*found);
}

TEST(Record, HoldsWhatACommandSays) {
  const Parsed one(golden("command_affected"));
  ASSERT_TRUE(one.ok);
  const Record& record = one.record;
  EXPECT_EQ(record.instance, "kw-1");
  EXPECT_EQ(record.stream, "shard-0");
  EXPECT_EQ(record.sequence, 12U);
  EXPECT_EQ(record.time_us, 1'800'000'000'123'456U);
  EXPECT_EQ(record.kind, "command");
  EXPECT_EQ(record.outcome, Outcome::ok);
  EXPECT_EQ(record.class_uid, 6005U);
  EXPECT_EQ(record.activity_id, 2U);
  EXPECT_EQ(record.principal, "okta:9f2c1a7be0d34c55");
  EXPECT_EQ(record.user, "airflow-worker");
  EXPECT_EQ(record.session, "s-0-42");
  EXPECT_EQ(record.source_ip, "10.1.2.3");
  EXPECT_EQ(record.source_port, 51123);
  EXPECT_TRUE(record.has_db);
  EXPECT_EQ(record.db, 2U);
  EXPECT_EQ(record.command, "lpush");
  EXPECT_EQ(record.query, "LPUSH celery <9 bytes>");
  EXPECT_THAT(record.keys, ElementsAre("celery"));
  EXPECT_EQ(record.key_count, 1U);
  EXPECT_THAT(record.channels, IsEmpty());
  EXPECT_EQ(record.grant, "airflow-worker");
  EXPECT_EQ(record.rule, "airflow.yaml:12");
  EXPECT_EQ(record.affected, 3);
  EXPECT_EQ(record.latency_us, 131);
  EXPECT_EQ(record.multi_id, 9U);
  EXPECT_EQ(record.command_number, 7U);
  EXPECT_EQ(record.node, "127.0.0.1:6380");
  EXPECT_EQ(record.session_number, 0U);
}

TEST(Record, KnowsHowACommandEnded) {
  EXPECT_EQ(Parsed(golden("command_error")).record.outcome, Outcome::error);
  EXPECT_EQ(Parsed(golden("command_error")).record.status_code, "WRONGTYPE");
  EXPECT_EQ(Parsed(golden("command_unknown")).record.outcome, Outcome::unknown);
  EXPECT_EQ(Parsed(golden("command_not_executed")).record.outcome, Outcome::not_executed);
  EXPECT_EQ(Parsed(golden("denial")).record.outcome, Outcome::denied);
  EXPECT_EQ(Parsed(golden("intent")).record.outcome, Outcome::intent);
  EXPECT_EQ(Parsed(golden("login_refused")).record.outcome, Outcome::denied);
  EXPECT_EQ(Parsed(golden("login")).record.outcome, Outcome::ok);
}

TEST(Record, SaysWhatACommandWasAttestedFor) {
  EXPECT_THAT(Parsed(golden("command_attested")).record.attested, ElementsAre("orders", "refunds"));
  EXPECT_THAT(Parsed(golden("command_ok")).record.attested, IsEmpty());
  const Parsed refused(golden("trigger_refused_at_command"));
  EXPECT_EQ(refused.record.principal, "okta:9f2c1a7be0d34c55");
  EXPECT_EQ(refused.record.by, refused.record.principal);
  EXPECT_EQ(refused.record.reason, "caused_nothing");
  EXPECT_EQ(refused.record.operation, "jobs of shop:jobs");
  EXPECT_EQ(refused.record.outcome, Outcome::denied);
}

TEST(Record, OfALoginSaysWhoItIs) {
  const Parsed one(golden("login"));
  ASSERT_TRUE(one.ok);
  EXPECT_EQ(one.record.principal, "okta:9f2c1a7be0d34c55");
  EXPECT_EQ(one.record.user, "airflow-worker");
  EXPECT_EQ(one.record.user_alt, "airflow-worker@example.com");
  EXPECT_THAT(one.record.groups, ElementsAre("airflow-workers", "data \"platform\""));
  EXPECT_EQ(one.record.issuer, "okta");
  EXPECT_EQ(one.record.issuer_url, "https://example.okta.com/oauth2/default");
  EXPECT_EQ(one.record.lease_user, "kw_4be1");
  EXPECT_EQ(one.record.token_id, "jti-77");
  EXPECT_EQ(one.record.tls_version, "TLSv1.3");
  EXPECT_EQ(one.record.session_expires_ms, 1'800'003'600'000U);
}

TEST(Record, TellsTheAccountFromTheOneWhoAskedForIt) {
  const Parsed one(golden("credential_issue"));
  ASSERT_TRUE(one.ok);
  EXPECT_EQ(one.record.account, "kwc_0123456789abcdef01234567");
  EXPECT_EQ(one.record.user, "airflow-worker");
  EXPECT_EQ(one.record.principal, "okta:9f2c1a7be0d34c55");
}

// Every golden record, against a parser that keeps all.
TEST(Record, AgreesWithAnotherParserOnEveryKind) {
  for (const std::string& name : all_goldens()) {
    SCOPED_TRACE(name);
    const Parsed one(golden(name));
    ASSERT_TRUE(one.ok);
    const auto whole = boost::json::parse(one.line);
    const std::string keyward = "/unmapped/keyward/";
    EXPECT_EQ(one.record.kind, at(whole, keyward + "kind"));
    EXPECT_EQ(std::to_string(one.record.sequence), at(whole, keyward + "sequence"));
    EXPECT_EQ(std::to_string(one.record.time_us), at(whole, keyward + "time_us"));
    EXPECT_EQ(std::to_string(one.record.class_uid), at(whole, "/class_uid"));
    EXPECT_EQ(std::to_string(one.record.activity_id), at(whole, "/activity_id"));
    EXPECT_EQ(one.record.reason, at(whole, "/status_detail"));
    EXPECT_EQ(one.record.status_code, at(whole, "/status_code"));
    EXPECT_EQ(one.record.query, at(whole, "/query_info/query_string"));
    EXPECT_EQ(one.record.detail, at(whole, keyward + "detail"));
    EXPECT_EQ(one.record.by, at(whole, keyward + "by"));
    EXPECT_EQ(one.record.revocation, at(whole, keyward + "revocation"));
    EXPECT_EQ(one.record.request_id, at(whole, keyward + "request_id"));
    EXPECT_EQ(one.record.would_deny, at(whole, keyward + "would_deny"));
    EXPECT_EQ(one.record.listener, at(whole, keyward + "listener"));
    EXPECT_EQ(one.record.policy_version, at(whole, keyward + "policy_version"));
  }
}

TEST(Record, GivesTheBytesOfHostileKeys) {
  const Parsed one(golden("denial_hostile_key"));
  ASSERT_TRUE(one.ok);
  const auto whole = boost::json::parse(one.line);
  const auto& keys = whole.at_pointer("/unmapped/keyward/keys").as_array();
  ASSERT_EQ(one.record.keys.size(), keys.size());
  for (std::size_t index = 0; index < keys.size(); ++index) {
    if ((one.record.keys_latin1 >> index & 1U) != 0) {
      EXPECT_LT(one.record.keys[index].size(), keys[index].as_string().size());
    } else {
      EXPECT_EQ(one.record.keys[index], std::string_view(keys[index].as_string()));
    }
  }
}

constexpr std::string_view kFrame =
    R"({"class_uid":6005,"metadata":{"uid":"a.b.c.7"},"unmapped":{"keyward":{"prev":"0","sequence":7,)"
    R"("time_us":5,"kind":"command"@}}})";

std::string with(std::string_view more) {
  std::string line(kFrame);
  return line.replace(line.find('@'), 1, more);
}

TEST(Record, ReadsEscapesLatin1AndCutNames) {
  const Parsed one(
      with(R"(,"keys":["a\nb","\u00ffA","\ud83d\ude00","\ud83d","cut"],"keys_latin1":[1],)"
           R"("keys_cut":[{"index":4,"bytes":1000}],"key_count":20)"));
  ASSERT_TRUE(one.ok);
  EXPECT_THAT(one.record.keys, ElementsAre("a\nb",
                                           "\xff"
                                           "A",
                                           "\xf0\x9f\x98\x80", "\xef\xbf\xbd", "cut"));
  EXPECT_THAT(one.record.key_bytes, ElementsAre(3, 2, 4, 3, 1000));
  EXPECT_EQ(one.record.keys_cut, 16U);
  EXPECT_EQ(one.record.key_count, 20U);
  EXPECT_EQ(one.record.instance, "a.b");
  EXPECT_EQ(one.record.stream, "c");
}

TEST(Record, TakesFieldsOfOtherTypesAsNotThere) {
  const Parsed one(with(
      R"(,"keys":"x","affected":"3","latency_us":1.5,"grant":7,"principal":null,"channels":[1])"));
  ASSERT_TRUE(one.ok);
  EXPECT_THAT(one.record.keys, IsEmpty());
  EXPECT_THAT(one.record.channels, ElementsAre(""));
  EXPECT_FALSE(one.record.affected);
  EXPECT_EQ(one.record.latency_us, -1);
  EXPECT_EQ(one.record.grant, "");
}

TEST(Record, RefusesWhatIsNoRecord) {
  const std::string whole = golden("command_ok");
  for (std::size_t size = 0; size < whole.size(); ++size)
    EXPECT_FALSE(Parsed(whole.substr(0, size)).ok) << size;
  EXPECT_FALSE(Parsed(whole + "x").ok);
  EXPECT_FALSE(Parsed("{}").ok);
  EXPECT_FALSE(Parsed("[]").ok);
  EXPECT_FALSE(Parsed(R"({"unmapped":{"keyward":{"sequence":7,"time_us":5,"kind":"a"}}})").ok);
  EXPECT_FALSE(Parsed(std::string(100'000, '[')).ok);
  EXPECT_FALSE(Parsed(with(R"(,"detail":"a\x")")).ok);
  EXPECT_FALSE(Parsed(with(",\"detail\":\"a\nb\"")).ok);
  EXPECT_TRUE(Parsed(with("")).ok);
}

class Reading : public ::testing::Test {
 protected:
  std::string write(const std::string& name, const std::vector<std::string>& lines) {
    std::ofstream file(folder_.file(name), std::ios::binary);
    for (const std::string& line : lines) file << line << '\n';
    return folder_.file(name);
  }
  keyward::test::TempDir folder_;
};

TEST_F(Reading, JoinsACommandWithTheSessionBeforeItInTheSameFile) {
  const auto first = write("a.jsonl", {golden("session"), "not a record", golden("command_ok")});
  const auto second = write("b.jsonl", {golden("command_ok"), golden("denial_before_login")});
  RecordReader reader(*audit::TrailLines::open({first, second}));
  Record record;
  ASSERT_TRUE(reader.next(record));
  EXPECT_EQ(record.kind, "session");
  ASSERT_TRUE(reader.next(record));
  EXPECT_EQ(record.kind, "command");
  EXPECT_EQ(record.lease_user, "kw_4be1");
  EXPECT_EQ(record.policy_version, "sha256:11aa22bb");
  EXPECT_EQ(record.client_library, "redis-py 8.1.0");
  EXPECT_EQ(record.tls_cipher, "TLS_AES_256_GCM_SHA384");
  EXPECT_EQ(record.issuer, "okta");
  EXPECT_THAT(record.groups, ElementsAre("airflow-workers", "data \"platform\""));
  EXPECT_NE(record.session_number, 0U);
  ASSERT_TRUE(reader.next(record));
  EXPECT_EQ(record.lease_user, "");
  EXPECT_EQ(record.principal, "okta:9f2c1a7be0d34c55");
  ASSERT_TRUE(reader.next(record));
  EXPECT_FALSE(reader.next(record));
  EXPECT_EQ(reader.counts().unreadable, 1U);
  EXPECT_EQ(reader.counts().unjoined, 1U);
  EXPECT_EQ(reader.counts().lines, 5U);
}

TEST_F(Reading, ReadsFilesOnSeveralThreadsEachInItsOrder) {
  std::vector<std::string> paths;
  for (int file = 0; file < 9; ++file) {
    std::vector<std::string> lines{golden("session")};
    for (int line = 0; line < 50; ++line) lines.push_back(golden("command_ok"));
    paths.push_back(write("f" + std::to_string(file) + ".jsonl", lines));
  }
  std::vector<std::size_t> per_file(paths.size());  // each written by one worker
  const auto counts =
      for_each_record(paths, {.threads = 3}, [&](const Record& record, const ReadAt& where) {
        EXPECT_EQ(*where.path, paths[where.file]);
        EXPECT_LT(where.worker, 3U);
        EXPECT_EQ(record.kind, per_file[where.file]++ == 0 ? "session" : "command");
        EXPECT_EQ(record.lease_user, "kw_4be1");
      });
  ASSERT_TRUE(counts);
  EXPECT_EQ(counts->lines, 9U * 51);
  EXPECT_EQ(counts->unjoined, 0U);
  for (const std::size_t seen : per_file) EXPECT_EQ(seen, 51U);
  EXPECT_FALSE(for_each_record({folder_.file("none")}, {}, [](const Record&, const ReadAt&) {}));
}

}  // namespace
}  // namespace keyward::trail
