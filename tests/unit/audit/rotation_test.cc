// Segments: made by rotation, compressed, read alike.
#include "audit/archive.h"
#include "audit/chain.h"
#include "audit/head.h"
#include "support/temp_dir.h"
#include "unit/audit/sample.h"

#include "keyward/audit/journal.h"
#include "keyward/audit/line_head.h"
#include "keyward/audit/lines.h"
#include "keyward/audit/segment.h"
#include "keyward/audit/tail.h"
#include "keyward/audit/verify.h"

#include <gtest/gtest.h>

#include <fcntl.h>
#include <filesystem>
#include <sys/stat.h>
#include <unistd.h>

namespace keyward::audit {
namespace {

namespace fs = std::filesystem;
using keyward::test::TempDir;
using test::lines_of;
using test::read_file;
using test::sample_config;
using test::sample_subject;
using test::SampleSet;

class RotationTest : public ::testing::Test {
 protected:
  std::unique_ptr<Journal> open(Rotation rotate) {
    JournalConfig config = sample_config(dir_.path());
    config.rotate = rotate;
    auto journal = Journal::open(config, clock_);
    EXPECT_TRUE(journal) << (journal ? "" : journal.error().message());
    return journal ? std::move(*journal) : nullptr;
  }
  void add(Journal& journal, int count) {
    for (int done = 0; done < count; ++done) {
      clock_.advance(std::chrono::milliseconds(1));
      const std::uint64_t ticket = journal.append(set_.event(&subject_));
      EXPECT_TRUE(journal.flush().covers(ticket));
    }
  }
  std::vector<TrailFile> files() { return *list_trail(dir_.path()); }
  void compress_closed() {
    const auto all = *stored_segments(dir_.path(), "kw-1.example");
    for (const Stored& stored : all) {
      if (!stored.closed || stored.file.compressed) continue;
      const auto done = compress_segment(stored.file, {});
      ASSERT_TRUE(done) << done.error().message();
    }
  }
  StreamReport verified() {
    auto report = verify(dir_.path());
    EXPECT_TRUE(report);
    return report->streams.front();
  }
  std::string text() {
    auto lines = *TrailLines::open({dir_.path()});
    std::string all;
    while (const auto line = lines.next()) all.append(*line).append("\n");
    EXPECT_TRUE(lines.failed().empty());
    return all;
  }

  TempDir dir_;
  FakeClock clock_;
  Subject subject_ = sample_subject();
  SampleSet set_;
};

TEST_F(RotationTest, BySize) {
  auto journal = open({.size = 8000, .every = {}});
  add(*journal, 100);
  journal->close("test");
  EXPECT_GT(files().size(), 8U);
  std::uint64_t number = 0;
  for (const TrailFile& file : files()) {
    EXPECT_EQ(file.number, ++number);
    const auto lines = lines_of(read_file(file.path));
    EXPECT_EQ(parse_head(lines.front())->kind, number == 1 ? "start" : "segment");
    EXPECT_EQ(parse_head(lines[1])->kind,
              number == files().size() && lines.size() == 2 ? "stop" : "session")
        << "a segment says who its sessions are";
    EXPECT_LT(fs::file_size(file.path), 10'000U);
  }
  const StreamReport report = verified();
  EXPECT_TRUE(report.whole) << report.problem << " " << report.file << ":" << report.line;
  EXPECT_EQ(report.crashes, 0U);
  EXPECT_EQ(report.files, files().size());
}

TEST_F(RotationTest, ByTimeAlsoWhenNothingHappens) {
  auto journal = open({.size = 0, .every = std::chrono::minutes(10)});
  clock_.advance(std::chrono::hours(5));
  EXPECT_FALSE(journal->outlived()) << "it holds nothing but its beginning";
  add(*journal, 1);
  EXPECT_EQ(files().size(), 2U);
  add(*journal, 1);
  EXPECT_EQ(files().size(), 2U);
  EXPECT_FALSE(journal->outlived());
  clock_.advance(std::chrono::minutes(10));
  EXPECT_TRUE(journal->outlived());
  static_cast<void>(journal->flush());
  EXPECT_EQ(files().size(), 3U);
  EXPECT_FALSE(journal->outlived());
  journal->close("test");
  EXPECT_TRUE(verified().whole);
}

TEST_F(RotationTest, ACrashAfterARotationIsOne) {
  auto journal = open({.size = 4000, .every = {}});
  add(*journal, 20);
  const std::string path = journal->path(), before = read_file(path);
  journal.reset();
  test::write_file(path, before);
  journal = open({.size = 4000, .every = {}});
  add(*journal, 3);
  journal->close("test");
  EXPECT_TRUE(verified().whole);
  EXPECT_EQ(verified().crashes, 1U);
}

TEST_F(RotationTest, WhatARotationLeftBehindWhenItCrashedIsNoHarm) {
  auto journal = open({.size = 4000, .every = {}});
  add(*journal, 3);
  test::write_file(dir_.file("kw-1.example.shard-0.new"), "half a li");
  add(*journal, 20);
  journal->close("test");
  EXPECT_TRUE(verified().whole);
}

TEST_F(RotationTest, WhileNoNewSegmentCanBeMadeTheOldOneGoesOn) {
  auto journal = open({.size = 4000, .every = {}});
  add(*journal, 3);
  fs::create_directory(dir_.file("kw-1.example.shard-0.new"));  // stands in the way
  add(*journal, 20);
  EXPECT_TRUE(journal->healthy());
  EXPECT_EQ(files().size(), 1U);
  EXPECT_GT(journal->counters().failures, 0U);
  fs::remove(dir_.file("kw-1.example.shard-0.new"));
  clock_.advance(std::chrono::seconds(1));
  add(*journal, 1);
  EXPECT_EQ(files().size(), 2U);
  journal->close("test");
  EXPECT_TRUE(verified().whole);
}

TEST_F(RotationTest, TheHeadSaysWhatIsWritten) {
  auto journal = open({.size = 4000, .every = {}});
  const auto head = journal->head();
  for (int count = 0; count < 30; ++count) {
    add(*journal, 1);
    const auto lines = lines_of(read_file(journal->path()));
    const HeadState state = head->load();
    EXPECT_EQ(state.sequence, parse_head(lines.back())->sequence);
    EXPECT_EQ(std::string_view(state.hash.data(), 64), view(hash_of(lines.back())));
    EXPECT_EQ(state.number, files().size());
    EXPECT_EQ(state.open, 1U);
  }
  journal->close("test");
  journal.reset();
  EXPECT_EQ(head->load().open, 0U);
}

TEST_F(RotationTest, CompressedSegmentsReadAlike) {
  auto journal = open({.size = 3 << 20, .every = {}});
  add(*journal, 10'000);
  const std::string before = text();
  compress_closed();
  std::size_t packed = 0;
  for (const TrailFile& file : files()) packed += file.compressed ? 1 : 0;
  EXPECT_EQ(packed + 1, files().size());
  EXPECT_GE(packed, 2U);
  EXPECT_EQ(text(), before);
  add(*journal, 10);
  journal->close("test");
  const StreamReport report = verified();
  EXPECT_TRUE(report.whole) << report.problem << " " << report.file << ":" << report.line;
  EXPECT_EQ(report.records, journal->counters().records);
  journal = open({});  // and the chain goes on
  journal->close("test");
  EXPECT_TRUE(verified().whole);
}

TEST_F(RotationTest, EveryBlockBeginsWithARecord) {
  auto journal = open({.size = 3 << 20, .every = {}});
  add(*journal, 5'000);
  compress_closed();
  auto segment = *Segment::open(files().front().path);
  EXPECT_GE(segment.blocks().size(), 3U);
  std::uint64_t sequence = 0;
  for (const Block& block : segment.blocks()) {
    const std::string text = *read_range(segment, block.begin, block.begin + block.size);
    const auto head = parse_head(lines_of(text).front());
    ASSERT_TRUE(head);
    EXPECT_GT(head->sequence, sequence);
    sequence = head->sequence;
  }
}

TEST_F(RotationTest, TheCompressedFormIsPrivateAndKeepsItsTime) {
  auto journal = open({.size = 4000, .every = {}});
  add(*journal, 10);
  const TrailFile file = files().front();
  const timespec old[2] = {{1'700'000'000, 0}, {1'700'000'000, 0}};
  ASSERT_EQ(::utimensat(AT_FDCWD, file.path.c_str(), old, 0), 0);
  compress_closed();
  EXPECT_FALSE(fs::exists(file.path));
  struct stat facts {};
  ASSERT_EQ(::stat((file.path + ".zst").c_str(), &facts), 0);
  EXPECT_EQ(facts.st_mode & 0777, 0600U);
  EXPECT_EQ(facts.st_mtim.tv_sec, 1'700'000'000);
}

TEST_F(RotationTest, DamageOfACompressedSegmentIsFoundOrHarmless) {
  auto journal = open({.size = 20'000, .every = {}});
  add(*journal, 60);
  journal->close("test");
  compress_closed();
  const std::string path = files().front().path, content = read_file(path), whole = text();
  for (std::size_t at = 0; at < content.size(); at += 3) {
    std::string changed = content;
    changed[at] = static_cast<char>(changed[at] ^ (1 << at % 8));
    test::write_file(path, changed);
    const StreamReport report = verified();
    if (!report.whole) {
      ASSERT_EQ(report.file, files().front().name);
      continue;
    }
    ASSERT_EQ(text(), whole) << at;  // a bit that zstd does not look at
  }
  for (const std::size_t size : {0UL, 1UL, content.size() / 2, content.size() - 1}) {
    test::write_file(path, content.substr(0, size));
    ASSERT_EQ(verified().problem, "unreadable") << size;
  }
}

TEST_F(RotationTest, WhereBothFormsAreThePlainOneCounts) {
  auto journal = open({.size = 4000, .every = {}});
  add(*journal, 10);
  journal->close("test");
  const std::string before = text();
  test::write_file(files().front().path + ".zst", "unfinished");
  EXPECT_EQ(text(), before);
  EXPECT_TRUE(verified().whole);
  compress_closed();
  EXPECT_EQ(text(), before);
  EXPECT_TRUE(verified().whole);
}

TEST_F(RotationTest, AFollowerGoesOnThroughRotationAndCompression) {
  auto journal = open({.size = 4000, .every = {}});
  add(*journal, 10);
  Follower follower(dir_.path(), 3, Follower::Show::events);
  EXPECT_EQ((*follower.poll()).size(), 3U);
  std::size_t seen = 0;
  for (int round = 0; round < 10; ++round) {
    add(*journal, 7);
    compress_closed();
    for (auto lines = *follower.poll(); !lines.empty(); lines = *follower.poll())
      seen += lines.size();
  }
  EXPECT_EQ(seen, 70U);
}

Stored stored(std::string stream, std::uint64_t number, int age_h, std::uint64_t bytes,
              bool closed) {
  Stored out;
  out.file.stream = std::move(stream);
  out.file.number = number;
  out.bytes = bytes;
  out.until = FakeClock().wall() - std::chrono::hours(age_h);
  out.closed = closed;
  return out;
}

TEST(Retention, TakesTheOldestClosedSegmentThatMayGo) {
  const std::vector<Stored> all{stored("a", 3, 50, 100, true), stored("a", 4, 9, 100, true),
                                stored("a", 5, 0, 100, false), stored("b", 1, 70, 100, true),
                                stored("b", 2, 60, 100, false)};
  const WallTime now = FakeClock().wall();
  const auto all_may = [](std::size_t) { return true; };
  using std::chrono::hours;
  EXPECT_EQ(next_to_remove(all, {}, now, all_may), std::nullopt);
  EXPECT_EQ(next_to_remove(all, {.age = hours(40)}, now, all_may), 3U);
  EXPECT_EQ(next_to_remove(all, {.age = hours(40)}, now, [](std::size_t at) { return at != 3; }),
            0U);
  EXPECT_EQ(next_to_remove(all, {.age = hours(80)}, now, all_may), std::nullopt);
  EXPECT_EQ(next_to_remove(all, {.size = 500}, now, all_may), std::nullopt);
  EXPECT_EQ(next_to_remove(all, {.size = 499}, now, all_may), 3U);
  EXPECT_EQ(next_to_remove(all, {.size = 1}, now, [](std::size_t) { return false; }), std::nullopt);
  // The newest of a stream stays, however old.
  EXPECT_EQ(
      next_to_remove({stored("a", 9, 900, 100, false)}, {.age = hours(1), .size = 1}, now, all_may),
      std::nullopt);
}

}  // namespace
}  // namespace keyward::audit
