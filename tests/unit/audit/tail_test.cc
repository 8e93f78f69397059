#include "keyward/audit/tail.h"

#include "support/temp_dir.h"
#include "unit/audit/sample.h"

#include "keyward/audit/journal.h"
#include "keyward/audit/line_head.h"

#include <boost/json.hpp>
#include <gtest/gtest.h>

#include <algorithm>

namespace keyward::audit {
namespace {

using keyward::test::TempDir;
using test::sample_config;
using test::sample_subject;
using test::SampleSet;

class TailTest : public ::testing::Test {
 protected:
  std::unique_ptr<Journal> open(const std::string& stream) {
    auto config = sample_config(directory_.path());
    config.stream = stream;
    return *Journal::open(config, clock_);
  }
  void add(Journal& journal) {
    clock_.advance(std::chrono::milliseconds(1));
    journal.append(set_.event(&subject_));
    journal.flush();
  }
  static std::string golden(const std::string& name) {
    return test::lines_of(test::read_file(std::string(KEYWARD_SOURCE_DIR) + "/tests/golden/audit/" +
                                          name + ".json"))
        .front();
  }
  TempDir directory_;
  FakeClock clock_;
  Subject subject_ = sample_subject();
  SampleSet set_;
};

TEST_F(TailTest, RowsSayWhoDidWhat) {
  EXPECT_EQ(
      format_row(golden("command_ok"), false),
      "2027-01-15 08:00:00.123Z  ok            airflow-worker            SET airflow:k <5 bytes>  "
      "[airflow.yaml:12]");
  EXPECT_EQ(format_row(golden("denial"), false),
            "2027-01-15 08:00:00.123Z  denied        airflow-worker            GET team-b:secret  "
            "[NOPERM]  [metrics.yaml:7]  [no grant covers the key]");
  EXPECT_EQ(
      format_row(golden("lease_delete"), false),
      "2027-01-15 08:00:00.123Z  ok            (shard-0)                 lease_delete kw_dead  "
      "[left over from an earlier run]");
  EXPECT_NE(format_row(golden("denial"), true).find("\x1b[31mdenied"), std::string::npos);
}

TEST_F(TailTest, RowsArePrintableWhateverTheRecordHolds) {
  for (const std::string& line :
       {golden("denial_hostile_key"), std::string("\x1b[2J{}"), std::string("{}"), std::string()}) {
    const std::string row = format_row(line, false);
    EXPECT_TRUE(std::all_of(row.begin(), row.end(), [](char byte) {
      return byte >= ' ' && byte < 0x7f;
    })) << row;
  }
}

TEST_F(TailTest, FollowsAllStreamsInTheOrderOfTime) {
  auto one = open("shard-0"), two = open("shard-1");
  Follower follower(directory_.path(), 100);
  EXPECT_EQ(follower.poll()->size(), 2U);
  EXPECT_TRUE(follower.poll()->empty());
  for (int count = 0; count < 3; ++count) {
    add(*two);
    add(*one);
  }
  const auto lines = *follower.poll();
  ASSERT_EQ(lines.size(), 6U);
  EXPECT_TRUE(
      std::is_sorted(lines.begin(), lines.end(), [](const std::string& a, const std::string& b) {
        return parse_head(a)->time_us < parse_head(b)->time_us;
      }));
  one.reset();
  two.reset();
  auto next = open("shard-0");  // a new file is found by itself
  EXPECT_EQ(follower.poll()->size(), 3U);
}

TEST_F(TailTest, RecordsThatOnlyIntroduceASessionAreForReadersOfJson) {
  auto journal = open("shard-0");
  Follower events(directory_.path(), 0);
  Follower everything(directory_.path(), 0, Follower::Show::everything);
  static_cast<void>(events.poll());
  static_cast<void>(everything.poll());
  add(*journal);
  add(*journal);
  EXPECT_EQ(events.poll()->size(), 2U);
  const auto lines = *everything.poll();
  ASSERT_EQ(lines.size(), 3U);
  EXPECT_EQ(parse_head(lines.front())->kind, "session");
}

TEST_F(TailTest, BeginsWithTheNewestRecords) {
  auto journal = open("shard-0");
  for (int count = 0; count < 50; ++count) add(*journal);
  Follower follower(directory_.path(), 4);
  const auto lines = *follower.poll();
  ASSERT_EQ(lines.size(), 4U);
  EXPECT_EQ(parse_head(lines.back())->sequence, 52U);
  EXPECT_EQ(parse_head(lines.front())->sequence, 49U);
  Follower fresh(directory_.path(), 0);
  EXPECT_TRUE(fresh.poll()->empty());
  add(*journal);
  EXPECT_EQ(fresh.poll()->size(), 1U);
}

TEST_F(TailTest, AnUnfinishedLineWaits) {
  auto journal = open("shard-0");
  Follower follower(directory_.path(), 1);
  static_cast<void>(follower.poll());
  add(*journal);
  const std::string path = journal->path(), whole = test::read_file(path);
  test::write_file(path, whole.substr(0, whole.size() - 5));
  EXPECT_TRUE(follower.poll()->empty());
  test::write_file(path, whole);
  EXPECT_EQ(follower.poll()->size(), 1U);
}

}  // namespace
}  // namespace keyward::audit
