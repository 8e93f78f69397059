#include "keyward/audit/verify.h"

#include "support/temp_dir.h"
#include "unit/audit/sample.h"

#include "keyward/audit/journal.h"
#include "keyward/audit/line_head.h"
#include "keyward/audit/trail_files.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <random>

namespace keyward::audit {
namespace {

namespace fs = std::filesystem;
using keyward::test::TempDir;
using test::lines_of;
using test::sample_config;
using test::sample_subject;
using test::SampleSet;

using Trail = std::map<std::string, std::string>;  // file name -> content

// Four runs of one stream; the second and third crash, the third inside a write. The last stopped
// cleanly.
Trail make_trail() {
  const TempDir directory;
  FakeClock clock;
  Subject subject = sample_subject();
  Trail trail;
  const SampleSet set;
  for (int run = 0; run < 4; ++run) {
    auto journal = *Journal::open(sample_config(directory.path()), clock);
    for (int count = 0; count < 5 + run; ++count) {
      clock.advance(std::chrono::milliseconds(3));
      journal->append(set.event(&subject));
      journal->flush();
    }
    std::string content = test::read_file(journal->path());
    if (run == 2) content += R"({"unmapped":{"keyward":{"prev":"0123)";
    const std::string path = journal->path();
    journal.reset();
    if (run == 1 || run == 2) test::write_file(path, content);
    trail[fs::path(path).filename().string()] = test::read_file(path);
  }
  return trail;
}

void write_trail(const TempDir& directory, const Trail& trail) {
  for (const auto& entry : fs::directory_iterator(directory.path())) fs::remove(entry.path());
  for (const auto& [name, content] : trail) test::write_file(directory.file(name), content);
}

StreamReport check(const TempDir& directory, const Trail& trail) {
  write_trail(directory, trail);
  auto report = verify(directory.path());
  EXPECT_TRUE(report);
  return report ? report->streams.front() : StreamReport{};
}

std::string nth(const Trail& trail, std::size_t index) {
  return std::next(trail.begin(), static_cast<long>(index))->first;
}

std::string join(const std::vector<std::string>& lines) {
  std::string content;
  for (const std::string& line : lines) content += line + "\n";
  return content;
}

class VerifyTest : public ::testing::Test {
 protected:
  TempDir directory_;
  Trail trail_ = make_trail();
};

TEST_F(VerifyTest, AnUntouchedTrailIsWhole) {
  const StreamReport report = check(directory_, trail_);
  EXPECT_TRUE(report.whole) << report.problem << " " << report.file << ":" << report.line;
  EXPECT_EQ(report.instance, "kw-1.example");
  EXPECT_EQ(report.stream, "shard-0");
  EXPECT_EQ(report.files, 4U);
  EXPECT_EQ(report.crashes, 2U);
  EXPECT_EQ(report.records, 7U + 1 + 8 + 9 + 10 + 1);  // each run introduces the session
  EXPECT_FALSE(report.running);
}

TEST_F(VerifyTest, NamesTheAlteredRecord) {
  const std::string name = nth(trail_, 1);
  auto lines = lines_of(trail_[name]);
  lines[3][lines[3].size() - 20] ^= 1;
  trail_[name] = join(lines);
  const StreamReport report = check(directory_, trail_);
  EXPECT_EQ(report.problem, "altered");
  EXPECT_EQ(report.file, name);
  EXPECT_EQ(report.line, 4U);
  EXPECT_EQ(report.sequence, parse_head(lines[3])->sequence);
}

TEST_F(VerifyTest, NamesTheRecordWhoseOwnLinkWasAltered) {
  const std::string name = nth(trail_, 0);
  auto lines = lines_of(trail_[name]);
  char& digit = lines[2][*find_chain(lines[2]) + 5];
  digit = digit == 'a' ? 'b' : 'a';
  trail_[name] = join(lines);
  const StreamReport report = check(directory_, trail_);
  EXPECT_EQ(report.problem, "altered");
  EXPECT_EQ(report.line, 3U);
}

TEST_F(VerifyTest, NamesAGapWhereALineWasTakenOut) {
  const std::string name = nth(trail_, 0);
  auto lines = lines_of(trail_[name]);
  lines.erase(lines.begin() + 2);
  trail_[name] = join(lines);
  const StreamReport report = check(directory_, trail_);
  EXPECT_EQ(report.problem, "gap");
  EXPECT_EQ(report.line, 3U);
  EXPECT_EQ(report.sequence, 4U);
}

TEST_F(VerifyTest, NamesARepeatedLine) {
  const std::string name = nth(trail_, 0);
  auto lines = lines_of(trail_[name]);
  lines.insert(lines.begin() + 3, lines[2]);
  trail_[name] = join(lines);
  const StreamReport report = check(directory_, trail_);
  EXPECT_EQ(report.problem, "repeated");
  EXPECT_EQ(report.line, 4U);
}

TEST_F(VerifyTest, NamesTheFileThatEndsTooEarly) {
  for (const std::size_t index : {0U, 1U}) {
    Trail trail = trail_;
    const std::string name = nth(trail, index);
    auto lines = lines_of(trail[name]);
    lines.pop_back();
    trail[name] = join(lines);
    const StreamReport report = check(directory_, trail);
    EXPECT_EQ(report.problem, "truncated");
    EXPECT_EQ(report.file, name);
  }
}

TEST_F(VerifyTest, ATornTailIsAllowedOnlyAsTheNextStartFoundIt) {
  const std::string name = nth(trail_, 2);
  const std::string content = trail_[name];
  for (const std::string& changed : {content.substr(0, content.size() - 1), content + "x",
                                     content.substr(0, content.size() - 1) + "4"}) {
    trail_[name] = changed;
    EXPECT_FALSE(check(directory_, trail_).whole) << changed.size();
  }
}

TEST_F(VerifyTest, E807FindsEveryMissingFileButTheLast) {
  for (std::size_t index = 0; index < 3; ++index) {
    Trail trail = trail_;
    trail.erase(nth(trail, index));
    EXPECT_EQ(check(directory_, trail).problem, "missing file") << index;
  }
}

TEST_F(VerifyTest, E807FindsAFork) {
  Trail trail = trail_;
  trail.emplace("kw-1.example.shard-0.20300101T000000Z-000003.jsonl", trail[nth(trail, 2)]);
  EXPECT_EQ(check(directory_, trail).problem, "forked");

  // A file of another history that continues from the same place.
  TempDir other;
  write_trail(other, {{nth(trail_, 0), trail_[nth(trail_, 0)]}});
  FakeClock clock;
  clock.advance(std::chrono::hours(1));
  auto journal = *Journal::open(sample_config(other.path()), clock);
  const std::string path = journal->path();
  journal.reset();
  trail = trail_;
  trail[fs::path(path).filename().string()] = test::read_file(path);
  EXPECT_EQ(check(directory_, trail).problem, "forked");
}

TEST_F(VerifyTest, AnUnfinishedLineOfTheNewestFileIsTheRunningOne) {
  const std::string name = nth(trail_, 3);
  trail_[name].resize(trail_[name].size() - 10);
  const StreamReport report = check(directory_, trail_);
  EXPECT_TRUE(report.whole);
  EXPECT_TRUE(report.running);
  EXPECT_GT(report.torn_bytes, 0U);
}

TEST_F(VerifyTest, WhatCannotBecomeTheNextRecordIsNoUnfinishedLine) {
  const std::string name = nth(trail_, 3);
  const std::string content = trail_[name];
  const std::string stop = lines_of(content).back();
  const std::string before = content.substr(0, content.size() - stop.size() - 1);
  for (const std::string& rest :
       {std::string("x"), std::string(1, '\0'), stop + "x", content.substr(0, 300),
        stop.substr(0, 200) + "\x01", std::string("{}")}) {
    trail_[name] = before + rest;
    EXPECT_EQ(check(directory_, trail_).problem, "altered") << rest;
  }
  for (const std::string& rest :
       {std::string(), stop.substr(0, 1), stop.substr(0, 90), stop.substr(0, 300), stop}) {
    trail_[name] = before + rest;
    EXPECT_TRUE(check(directory_, trail_).running) << rest;
  }
  trail_[name] = content + "{";  // nothing follows a stop
  EXPECT_EQ(check(directory_, trail_).problem, "altered");
}

TEST_F(VerifyTest, AnUnfinishedCommandMustContinueTheChainAsFarAsItGoes) {
  const std::string name = nth(trail_, 3);
  auto lines = lines_of(trail_[name]);
  lines.pop_back();
  const std::string last = lines.back(), before_last = lines[lines.size() - 2];
  lines.pop_back();
  const std::string before = join(lines);
  for (std::size_t size = 1; size <= last.size(); ++size) {
    trail_[name] = before + last.substr(0, size);
    ASSERT_TRUE(check(directory_, trail_).running) << size;
  }
  trail_[name] = before + before_last.substr(0, before_last.size() - 3);  // that one was there
  EXPECT_EQ(check(directory_, trail_).problem, "altered");
  for (const std::size_t at : {std::size_t{3}, *find_chain(last), *find_chain(last) + 63}) {
    std::string rest = last.substr(0, last.size() - 3);
    rest[at] ^= 1;
    trail_[name] = before + rest;
    EXPECT_EQ(check(directory_, trail_).problem, "altered") << at;
  }
}

TEST_F(VerifyTest, EveryBitOfTheStopRecordCounts) {
  const std::string name = nth(trail_, 3);
  const std::string content = trail_[name];
  const std::size_t begin = content.size() - lines_of(content).back().size() - 1;
  for (std::size_t at = begin; at < content.size(); ++at) {
    std::string changed = content;
    changed[at] = static_cast<char>(changed[at] ^ (1 << at % 8));
    trail_[name] = changed;
    ASSERT_FALSE(check(directory_, trail_).whole) << at - begin;
  }
}

TEST_F(VerifyTest, StreamsAreJudgedOnTheirOwn) {
  write_trail(directory_, trail_);
  auto config = sample_config(directory_.path());
  config.stream = "control";
  FakeClock clock;
  (*Journal::open(config, clock))->close("test");
  auto report = verify(directory_.path());
  ASSERT_EQ(report->streams.size(), 2U);
  EXPECT_TRUE(report->whole());
  fs::remove(directory_.file(nth(trail_, 1)));
  report = verify(directory_.path());
  EXPECT_FALSE(report->whole());
  EXPECT_TRUE(report->streams[0].whole);
  EXPECT_FALSE(report->streams[1].whole);
}

TEST_F(VerifyTest, SaysHowFarItIs) {
  write_trail(directory_, trail_);
  std::uint64_t last = 0, whole = 0, expected = 0;
  for (const auto& [name, content] : trail_) expected += content.size();
  static_cast<void>(
      verify(directory_.path(), {.progress = [&](std::uint64_t done, std::uint64_t total) {
               EXPECT_GE(done, last);
               last = done;
               whole = total;
             }}));
  EXPECT_EQ(last, expected);
  EXPECT_EQ(whole, expected);
}

TEST_F(VerifyTest, NoTrailIsAnError) {
  EXPECT_FALSE(verify(directory_.path()));
  EXPECT_FALSE(verify(directory_.file("none")));
}

// Random edits of a stream that was stopped. A chain cannot see that the stream once was longer;
// every other edit must be found.
struct Edit {
  Trail trail;
  std::string what;
  bool visible = true;
};

class Editor {
 public:
  Editor(const Trail& trail, unsigned seed) : original_(trail), random_(seed) {}

  Edit next() {
    Edit edit{original_, {}, true};
    const std::size_t file = below(original_.size());
    name_ = nth(original_, file);
    newest_ = file + 1 == original_.size();
    switch (below(9)) {
      case 0:
      case 1:
      case 2:
        flip(edit);
        break;
      case 3:
        lines(edit, "delete");
        break;
      case 4:
        lines(edit, "swap");
        break;
      case 5:
        lines(edit, "duplicate");
        break;
      case 6:
        truncate(edit);
        break;
      case 7:
        drop(edit);
        break;
      default:
        insert(edit);
    }
    edit.what += " in " + name_;
    return edit;
  }

 private:
  std::size_t below(std::size_t limit) { return random_() % limit; }
  void flip(Edit& edit) {
    std::string& content = edit.trail[name_];
    const std::size_t at = below(content.size());
    content[at] = static_cast<char>(content[at] ^ (1 << below(8)));
    edit.what = "flip at " + std::to_string(at);
  }
  void insert(Edit& edit) {
    std::string& content = edit.trail[name_];
    const std::size_t at = below(content.size());
    content.insert(at, 1, static_cast<char>(random_()));
    edit.what = "insert at " + std::to_string(at);
  }
  void lines(Edit& edit, const std::string& how) {
    std::string& content = edit.trail[name_];
    auto all = lines_of(content);
    const std::string rest = content.substr(join(all).size());
    const std::size_t count = all.size();
    const std::size_t at = below(count);
    edit.what = how + " line " + std::to_string(at + 1);
    if (how == "delete") {
      all.erase(all.begin() + static_cast<long>(at));
      edit.visible = !(newest_ && at + 1 == count);
    } else if (how == "swap") {
      std::swap(all[at], all[(at + 1 + below(count - 1)) % count]);
    } else {
      all.insert(all.begin() + static_cast<long>(below(count + 1)), all[at]);
    }
    content = join(all) + rest;
  }
  void truncate(Edit& edit) {
    std::string& content = edit.trail[name_];
    content.resize(below(content.size()));
    edit.what = "truncate to " + std::to_string(content.size());
    edit.visible = !(newest_ && content.find('\n') != std::string::npos);
  }
  void drop(Edit& edit) {
    edit.trail.erase(name_);
    edit.what = "drop";
    edit.visible = !newest_;
  }

  const Trail& original_;
  std::mt19937 random_;
  std::string name_;
  bool newest_ = false;
};

TEST_F(VerifyTest, FindsThousandsOfRandomEdits) {
  Editor editor(trail_, 20260731);
  int found = 0;
  for (int round = 0; round < 6000; ++round) {
    const Edit edit = editor.next();
    if (edit.trail == trail_) continue;
    const StreamReport report = check(directory_, edit.trail);
    if (edit.visible) {
      ASSERT_FALSE(report.whole) << edit.what;
      ASSERT_FALSE(report.file.empty()) << edit.what;
      ++found;
    } else if (report.whole) {
      // What cannot be seen as damage is at least not taken for a clean end, if a record is gone.
      EXPECT_TRUE(report.running || report.records >= 35 || edit.what.starts_with("drop"))
          << edit.what;
    }
  }
  EXPECT_GT(found, 4000);
}

TEST(TrailFiles, NamesComeBack) {
  const WallTime started(std::chrono::seconds(1'800'000'000));
  for (const std::uint64_t number : {1UL, 999'999UL, 1'234'567UL}) {
    const auto file = parse_file_name(file_name("host-1.example.com", "shard-0", started, number));
    ASSERT_TRUE(file);
    EXPECT_EQ(file->instance, "host-1.example.com");
    EXPECT_EQ(file->stream, "shard-0");
    EXPECT_EQ(file->number, number);
  }
}

TEST(TrailFiles, OtherFilesAreNotTaken) {
  for (const char* name :
       {"a.b.20270115T080000Z-000001.json", "a.b.20270115T080000Z-1.jsonl",
        "b.20270115T080000Z-000001.jsonl", "a.b.2027-01-15-000001.jsonl", "a.b.lock", ".jsonl", "",
        "a.b.20270115T080000Z-000000.jsonl", "a.b.20270115T080000Z-00000x.jsonl",
        ".a.b.20270115T080000Z-000001.jsonl"}) {
    EXPECT_FALSE(parse_file_name(name)) << name;
  }
}

}  // namespace
}  // namespace keyward::audit
