// Feed against the lines that are in the trail: any sizes of takes, any place to go on from, and
// files that rotate, are compressed and removed meanwhile.
#include "keyward/audit/feed.h"

#include "audit/archive.h"
#include "audit/chain.h"
#include "support/temp_dir.h"
#include "unit/audit/sample.h"

#include "keyward/audit/journal.h"
#include "keyward/audit/trail_files.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <random>

namespace keyward::audit {
namespace {

namespace fs = std::filesystem;
using keyward::test::TempDir;
using test::sample_config;
using test::sample_subject;
using test::SampleSet;

constexpr const char* kInstance = "kw-1.example";

class FeedTest : public ::testing::Test {
 protected:
  std::unique_ptr<Journal> open(const std::string& stream = "shard-0",
                                std::uint64_t size = 1 << 20) {
    JournalConfig config = sample_config(dir_.path());
    config.stream = stream;
    config.rotate = {.size = size, .every = {}};
    auto journal = Journal::open(config, clock_);
    EXPECT_TRUE(journal) << (journal ? "" : journal.error().message());
    return journal ? std::move(*journal) : nullptr;
  }
  void add(Journal& journal, int count) {
    for (int done = 0; done < count; ++done) {
      clock_.advance(std::chrono::milliseconds(1));
      static_cast<void>(journal.append(set_.event(&subject_)));
      EXPECT_FALSE(journal.flush().covers(~std::uint64_t{0}));
    }
  }
  void compress_closed() {
    for (const Stored& stored : *stored_segments(dir_.path(), kInstance)) {
      if (!stored.closed || stored.file.compressed) continue;
      EXPECT_TRUE(compress_segment(stored.file, {}));
    }
  }
  std::deque<FedRecord> all(Feed& feed, std::size_t bytes = 1 << 20) {
    std::deque<FedRecord> out;
    for (;;) {
      const auto more = feed.take(bytes, out);
      EXPECT_TRUE(more);
      if (!more || !*more) return out;
    }
  }
  Feed feed() { return Feed(dir_.path(), kInstance); }

  TempDir dir_;
  FakeClock clock_;
  Subject subject_ = sample_subject();
  SampleSet set_;
};

TEST_F(FeedTest, GivesEveryRecordOfEveryStreamOnceAndInOrder) {
  auto one = open("shard-0", 8000), two = open("shard-1");
  add(*one, 100);
  add(*two, 30);
  compress_closed();
  one->close("test");
  auto reader = feed();
  const auto got = all(reader, 3000);
  std::map<std::string, std::uint64_t> last;
  for (const FedRecord& record : got) {
    EXPECT_EQ(record.sequence, ++last[record.stream]);
    EXPECT_EQ(record.broken, "");
  }
  const auto there = extents(dir_.path(), kInstance);
  ASSERT_TRUE(there);
  EXPECT_EQ(there->size(), 2U);
  for (const auto& [stream, extent] : *there) EXPECT_EQ(last[stream], extent.newest) << stream;
  EXPECT_GT(there->at("shard-0").files.size(), 5U);
}

TEST_F(FeedTest, GoesOnBehindAnyPlaceWhateverHappenedToTheFiles) {
  auto journal = open("shard-0", 8000);
  add(*journal, 60);
  auto first = feed();
  const auto before = all(first);
  compress_closed();
  add(*journal, 40);
  for (std::size_t at = 0; at < before.size(); ++at) {
    auto again = feed();
    again.go_on_behind("shard-0", before[at].place());
    const auto rest = all(again, 5000);
    ASSERT_FALSE(rest.empty());
    EXPECT_EQ(rest.front().sequence, before[at].sequence + 1);
    EXPECT_EQ(rest.front().broken, "");
    for (std::size_t next = 1; next < rest.size(); ++next)
      ASSERT_EQ(rest[next].sequence, rest[next - 1].sequence + 1);
  }
}

TEST_F(FeedTest, FollowsWhileTheFilesChange) {
  std::mt19937 random(1);
  auto journal = open("shard-0", 8000);
  auto reader = feed();
  std::deque<FedRecord> got;
  for (int round = 0; round < 60; ++round) {
    add(*journal, static_cast<int>(random() % 8));
    if (random() % 3 == 0) compress_closed();
    ASSERT_TRUE(reader.take(1 + random() % 20000, got));
    if (random() % 5 == 0 && !got.empty()) {  // a restart at some record
      got.erase(
          got.end() - static_cast<std::ptrdiff_t>(random() % std::min<std::size_t>(got.size(), 5)),
          got.end());
      reader = feed();
      reader.go_on_behind("shard-0", got.back().place());
    }
  }
  reader = feed();
  reader.go_on_behind("shard-0", got.back().place());
  for (FedRecord& record : all(reader)) got.push_back(std::move(record));
  for (std::size_t at = 0; at < got.size(); ++at) {
    ASSERT_EQ(got[at].sequence, at + 1);
    ASSERT_EQ(got[at].broken, "");
  }
  EXPECT_EQ(got.size(), extents(dir_.path(), kInstance)->at("shard-0").newest);
}

TEST_F(FeedTest, SaysHowManyRecordsWereRemoved) {
  auto journal = open("shard-0", 8000);
  add(*journal, 60);
  auto reader = feed();
  const auto before = all(reader);
  const Place early = before[3].place();
  auto files = *list_trail(dir_.path());
  for (std::size_t at = 0; at < 3; ++at) fs::remove(files[at].path);
  auto again = feed();
  again.go_on_behind("shard-0", early);
  const auto rest = all(again);
  ASSERT_FALSE(rest.empty());
  EXPECT_NE(rest.front().broken, "");
  EXPECT_EQ(rest.front().missed, rest.front().sequence - early.sequence - 1);
  EXPECT_EQ(rest[1].broken, "");
  // Who never read it misses nothing of what was removed before.
  auto fresh = feed();
  EXPECT_EQ(all(fresh).front().broken, "");
}

TEST_F(FeedTest, ReadsTheFileAgainWhenThePlaceDoesNotFit) {
  auto journal = open();
  add(*journal, 20);
  auto reader = feed();
  const auto before = all(reader);
  for (int wrong = 0; wrong < 4; ++wrong) {
    Place place = before[10].place();
    if (wrong == 0) place.hash = std::string(64, 'a');
    if (wrong == 1) ++place.offset;
    if (wrong == 2) place.offset = 1 << 30;
    if (wrong == 3) place.sequence += 100;
    auto again = feed();
    again.go_on_behind("shard-0", place);
    const auto rest = all(again);
    ASSERT_EQ(rest.size(), before.size()) << wrong;
    EXPECT_NE(rest.front().broken, "") << wrong;
  }
  auto newer = feed();
  newer.go_on_behind("shard-0", {.segment = 9, .offset = 77, .sequence = 5000, .hash = "x"});
  EXPECT_EQ(all(newer).size(), before.size());
}

TEST_F(FeedTest, WaitsForTheRestOfALineAndLeavesOutWhatACrashCut) {
  auto journal = open();
  add(*journal, 5);
  const auto files = *list_trail(dir_.path());
  auto reader = feed();
  const auto count = all(reader).size();
  test::write_file(files[0].path, test::read_file(files[0].path) + "{\"class_uid\":6005,\"cat");
  EXPECT_TRUE(all(reader).empty());
  journal.reset();
  auto next = open();
  add(*next, 5);
  auto fresh = feed();
  const auto got = all(fresh);
  EXPECT_GT(got.size(), count + 4);
  for (std::size_t at = 0; at < got.size(); ++at) EXPECT_EQ(got[at].sequence, at + 1);
}

}  // namespace
}  // namespace keyward::audit
