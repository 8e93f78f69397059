#include "keyward/audit/journal.h"

#include "audit/chain.h"
#include "support/temp_dir.h"
#include "unit/audit/sample.h"

#include "keyward/audit/line_head.h"
#include "keyward/audit/verify.h"
#include "keyward/base/hash.h"

#include <boost/json.hpp>
#include <gtest/gtest.h>

#include <filesystem>
#include <random>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
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

class JournalTest : public ::testing::Test {
 protected:
  std::unique_ptr<Journal> open() { return open(sample_config(dir_.path())); }
  std::unique_ptr<Journal> open(const JournalConfig& config) {
    auto journal = Journal::open(config, clock_);
    EXPECT_TRUE(journal) << (journal ? "" : journal.error().message());
    return journal ? std::move(*journal) : nullptr;
  }
  std::uint64_t add(Journal& journal) { return journal.append(set_.event(&subject_)); }
  // Ends the journal as kill -9 would: no stop record, the lock is gone.
  static void crash(std::unique_ptr<Journal> journal) {
    const std::string path = journal->path();
    const std::string before = read_file(path);
    journal.reset();
    test::write_file(path, before);
  }
  StreamReport verified() {
    auto report = verify(dir_.path());
    EXPECT_TRUE(report) << (report ? "" : report.error().message());
    EXPECT_EQ(report->streams.size(), 1U);
    return report->streams.front();
  }
  static boost::json::value keyward_of(const std::string& line) {
    return boost::json::parse(line).at_pointer("/unmapped/keyward");
  }

  TempDir dir_;
  FakeClock clock_;
  Subject subject_ = sample_subject();
  SampleSet set_;
};

TEST_F(JournalTest, ReceiptCoversWhatWasHandedToTheKernel) {
  auto journal = open();
  const std::uint64_t first = add(*journal);
  EXPECT_EQ(first, 3U);  // behind the record that introduces the session
  EXPECT_TRUE(journal->pending());
  EXPECT_FALSE(journal->receipt().covers(first));
  EXPECT_EQ(lines_of(read_file(journal->path())).size(), 1U);  // the start record
  const Receipt receipt = journal->flush();
  EXPECT_TRUE(receipt.covers(first));
  EXPECT_FALSE(receipt.covers(first + 1));
  EXPECT_TRUE(receipt.covers(0));
  EXPECT_FALSE(journal->pending());
  EXPECT_EQ(lines_of(read_file(journal->path())).size(), 3U);
}

TEST_F(JournalTest, FilesArePrivate) {
  const std::string directory = dir_.file("deep/trail");
  auto journal = open(sample_config(directory));
  struct stat facts {};
  ASSERT_EQ(::stat(journal->path().c_str(), &facts), 0);
  EXPECT_EQ(facts.st_mode & 0777, 0600U);
  ASSERT_EQ(::stat(directory.c_str(), &facts), 0);
  EXPECT_EQ(facts.st_mode & 0777, 0700U);
}

TEST_F(JournalTest, FileNameTellsInstanceStreamTimeAndNumber) {
  auto journal = open();
  EXPECT_EQ(fs::path(journal->path()).filename(),
            "kw-1.example.shard-0.20270115T080000Z-000001.jsonl");
}

TEST_F(JournalTest, EachLineHoldsTheHashOfTheOneBefore) {
  auto journal = open();
  for (int count = 0; count < 5; ++count) add(*journal);
  journal->close("test");
  const auto lines = lines_of(read_file(journal->path()));
  ASSERT_EQ(lines.size(), 8U);
  std::string expected(64, '0');
  for (std::size_t index = 0; index < lines.size(); ++index) {
    const auto head = parse_head(lines[index]);
    ASSERT_TRUE(head);
    EXPECT_EQ(head->prev, expected);
    EXPECT_EQ(head->sequence, index + 1);
    expected = hex(sha256(lines[index]));
  }
  EXPECT_EQ(parse_head(lines.front())->kind, "start");
  EXPECT_EQ(parse_head(lines.back())->kind, "stop");
}

TEST_F(JournalTest, ASessionIsIntroducedOnceAFileAndAgainAfterAChange) {
  const auto kinds = [](const Journal& journal) {
    std::string all;
    for (const std::string& line : lines_of(read_file(journal.path())))
      all += std::string(parse_head(line)->kind) + " ";
    return all;
  };
  auto journal = open();
  add(*journal);
  add(*journal);
  Event select = set_.event(&subject_);
  select.db = 3;  // stands in the record itself
  journal->append(select);
  subject_.client_name = "renamed";
  subject_.changed();
  add(*journal);
  Subject other = sample_subject();
  other.session_id = "s-0-43";
  journal->append(set_.event(&other));
  add(*journal);
  journal->flush();
  EXPECT_EQ(kinds(*journal),
            "start session command command command session command session command command ");
  const auto lines = lines_of(read_file(journal->path()));
  EXPECT_EQ(keyward_of(lines[1]).at("client_name"), "worker-1");
  EXPECT_EQ(keyward_of(lines[5]).at("client_name"), "renamed");
  EXPECT_EQ(boost::json::parse(lines[4]).at_pointer("/database/name"), "3");
  EXPECT_EQ(boost::json::parse(lines[7]).at_pointer("/session/uid"), "s-0-43");
  journal->close("test");
  journal = open();
  add(*journal);
  journal->flush();
  EXPECT_EQ(kinds(*journal), "start session command ");
}

TEST_F(JournalTest, WhoIsNotLoggedInIsNotIntroduced) {
  auto journal = open();
  const test::SampleDenial denial;
  subject_.principal = {};
  journal->append(denial.event(&subject_));
  journal->append(denial.event(nullptr));
  journal->flush();
  EXPECT_EQ(lines_of(read_file(journal->path())).size(), 3U);
}

// Wherever a reader begins, the session is introduced not far behind.
TEST_F(JournalTest, ASessionAtWorkIsIntroducedAgainAfterManyRecords) {
  auto journal = open();
  std::uint64_t introductions = 0, last = 0;
  while (journal->counters().bytes < (std::uint64_t{140} << 20)) {
    const std::uint64_t ticket = add(*journal);
    introductions += ticket - last - 1;
    last = ticket;
    if (ticket % 1024 == 0) journal->flush();
  }
  EXPECT_EQ(introductions - 1, 3U);  // the first of these is the start record
}

TEST_F(JournalTest, RecordsBetweenTwoFlushesShareTheirTime) {
  auto journal = open();
  clock_.advance(std::chrono::seconds(5));
  add(*journal);
  clock_.advance(std::chrono::microseconds(700));
  add(*journal);
  journal->flush();
  add(*journal);
  journal->flush();
  const auto lines = lines_of(read_file(journal->path()));
  ASSERT_EQ(lines.size(), 5U);
  const auto time = [&](std::size_t line) { return parse_head(lines[line])->time_us; };
  EXPECT_EQ(time(2), time(0) + 5'000'000);
  EXPECT_EQ(time(3), time(2));
  EXPECT_EQ(time(4), time(2) + 700);
}

TEST_F(JournalTest, E812ARestartContinuesTheChain) {
  for (int run = 0; run < 3; ++run) {
    auto journal = open();
    add(*journal);
    journal->close("test");
    clock_.advance(std::chrono::seconds(1));
  }
  const StreamReport report = verified();
  EXPECT_TRUE(report.whole) << report.problem;
  EXPECT_EQ(report.records, 12U);
  EXPECT_EQ(report.files, 3U);
  EXPECT_EQ(report.crashes, 0U);
  EXPECT_FALSE(report.running);
}

TEST_F(JournalTest, ARestartWithinTheSameSecondGetsItsOwnFile) {
  open()->close("test");
  auto journal = open();
  EXPECT_TRUE(journal->path().ends_with("-000002.jsonl"));
}

TEST_F(JournalTest, ACrashIsSaidByTheNextStart) {
  auto first = open();
  const std::string path = first->path();
  add(*first);
  first->flush();
  crash(std::move(first));
  auto second = open();
  const auto start = keyward_of(lines_of(read_file(second->path())).front());
  EXPECT_EQ(start.at("previous").at("end"), "crash");
  EXPECT_EQ(start.at("previous").at("file").as_string(), fs::path(path).filename().string());
  EXPECT_EQ(start.at("previous").at("sequence"), 3);
  EXPECT_EQ(verified().crashes, 1U);
}

TEST_F(JournalTest, ATornLineIsLeftAndDescribed) {
  auto first = open();
  const std::string path = first->path();
  add(*first);
  add(*first);
  first->flush();
  crash(std::move(first));
  const std::string content = read_file(path);
  const auto lines = lines_of(content);
  for (const std::size_t cut :
       {std::size_t{1}, std::size_t{200}, lines[3].size()}) {  // the first: only the newline lost
    TempDir copy;
    const std::string torn = content.substr(0, content.size() - cut);
    const std::string name = fs::path(path).filename().string();
    test::write_file(copy.file(name), torn);
    {
      auto second = open(sample_config(copy.path()));
      add(*second);
      second->close("test");
    }
    EXPECT_EQ(read_file(copy.file(name)), torn);
    const auto report = verify(copy.path());
    ASSERT_TRUE(report);
    EXPECT_TRUE(report->whole()) << report->streams[0].problem << " cut " << cut;
    EXPECT_EQ(report->streams[0].crashes, 1U);
    EXPECT_EQ(report->streams[0].records, 7U);
  }
}

TEST_F(JournalTest, DamageBehindTheLastWholeRecordDoesNotStopAStart) {
  auto first = open();
  const std::string path = first->path();
  add(*first);
  first->flush();
  crash(std::move(first));
  test::write_file(
      path, read_file(path) + std::string(5000, '\0') + "\n\n" + std::string(300'000, 'x') + "\n");
  open()->close("test");
  const StreamReport report = verified();
  EXPECT_TRUE(report.whole) << report.problem;
  EXPECT_EQ(report.records, 5U);
}

TEST_F(JournalTest, AFileWithoutAnyRecordIsRefused) {
  auto first = open();
  const std::string path = first->path();
  first.reset();
  test::write_file(path, "not a record\n");
  const auto second = Journal::open(sample_config(dir_.path()), clock_);
  ASSERT_FALSE(second);
  EXPECT_NE(second.error().message().find("audit verify"), std::string::npos);
}

TEST_F(JournalTest, TwoJournalsNeverShareAStream) {
  auto first = open();
  const auto second = Journal::open(sample_config(dir_.path()), clock_);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code(), Errc::unavailable);
  auto other = sample_config(dir_.path());
  other.stream = "shard-1";
  EXPECT_TRUE(Journal::open(other, clock_));
  first->close("test");
  EXPECT_TRUE(Journal::open(sample_config(dir_.path()), clock_));
}

TEST_F(JournalTest, RefusesNamesAndPlacesThatAreNotSafe) {
  for (const char* name : {"", "a/b", ".hidden", "a b", "a\n"}) {
    auto config = sample_config(dir_.path());
    config.instance = name;
    EXPECT_FALSE(Journal::open(config, clock_)) << name;
  }
  auto config = sample_config(dir_.path());
  config.stream = "shard.0";
  EXPECT_FALSE(Journal::open(config, clock_));
  const std::string open_to_all = dir_.file("open");
  fs::create_directory(open_to_all);
  fs::permissions(open_to_all, fs::perms::all);
  EXPECT_FALSE(Journal::open(sample_config(open_to_all), clock_));
}

TEST_F(JournalTest, E812TimeNeverGoesBackAlsoOverARestart) {
  auto first = open();
  add(*first);
  clock_.set_wall(clock_.wall() - std::chrono::hours(2));
  add(*first);
  first->close("test");
  auto second = open();
  add(*second);
  second->close("test");
  std::uint64_t last = 0;
  const auto trail = dir_.path();
  std::vector<std::string> paths{first->path(), second->path()};
  for (const std::string& path : paths) {
    for (const std::string& line : lines_of(read_file(path))) {
      const auto head = parse_head(line);
      EXPECT_GE(head->time_us, last);
      last = head->time_us;
    }
  }
  EXPECT_TRUE(
      keyward_of(lines_of(read_file(second->path())).front()).as_object().contains("clock_us"));
  EXPECT_TRUE(verified().whole);
}

TEST_F(JournalTest, ClosedMeansRefuse) {
  auto journal = open();
  journal->close("test");
  const std::uint64_t ticket = add(*journal);
  EXPECT_EQ(ticket, Journal::kNever);
  EXPECT_FALSE(journal->flush().covers(ticket));
  EXPECT_FALSE(journal->healthy());
}

TEST_F(JournalTest, TheDestructorWritesTheStopRecord) {
  open().reset();
  EXPECT_FALSE(verified().running);
}

TEST_F(JournalTest, ARemovedFileCountsAsTrouble) {
  auto journal = open();
  fs::remove(journal->path());
  clock_.advance(std::chrono::seconds(2));
  const std::uint64_t ticket = add(*journal);
  EXPECT_FALSE(journal->flush().covers(ticket));
  EXPECT_FALSE(journal->healthy());
  EXPECT_FALSE(journal->flush().covers(ticket));
}

// A child appends, flushes, and tells each ticket that a receipt covers; it is killed wherever it
// happens to be.
TEST_F(JournalTest, E801KillLosesNothingThatAReceiptCovered) {
  std::mt19937 random(1);
  std::uint64_t acknowledged = 0;
  for (int round = 0; round < 40; ++round) {
    int channel[2];
    ASSERT_EQ(::pipe(channel), 0);
    const pid_t child = ::fork();
    if (child == 0) {
      auto journal = Journal::open(sample_config(dir_.path()), clock_);
      if (!journal) ::_exit(1);
      for (std::uint64_t turn = 0;; ++turn) {
        std::uint64_t ticket = 0;
        for (std::uint64_t batch = 0; batch <= turn % 5; ++batch) ticket = add(**journal);
        if (!(*journal)->flush().covers(ticket)) ::_exit(1);
        if (::write(channel[1], &ticket, sizeof ticket) != sizeof ticket) ::_exit(1);
      }
    }
    ::close(channel[1]);
    const std::uint64_t enough = random() % 200;
    std::uint64_t ticket = 0;
    for (std::uint64_t told = 0; told <= enough; ++told) {
      ASSERT_EQ(::read(channel[0], &ticket, sizeof ticket), static_cast<ssize_t>(sizeof ticket));
      acknowledged = ticket;
    }
    ::kill(child, SIGKILL);
    while (::read(channel[0], &ticket, sizeof ticket) > 0) acknowledged = ticket;
    ::close(channel[0]);
    int status = 0;
    ::waitpid(child, &status, 0);
    ASSERT_TRUE(WIFSIGNALED(status));
    const StreamReport report = verified();
    ASSERT_TRUE(report.whole) << report.problem << " " << report.file << ":" << report.line;
    ASSERT_GE(report.records, acknowledged);
  }
  EXPECT_EQ(verified().crashes, 39U);
}

// The limit on the size of a file stands for a full disk: writes come back short, then fail.
class FullDisk : public JournalTest {
 protected:
  FullDisk() {
    ::signal(SIGXFSZ, SIG_IGN);
    ::getrlimit(RLIMIT_FSIZE, &unlimited_);
  }
  ~FullDisk() override { set_limit(unlimited_.rlim_cur); }
  void set_limit(rlim_t bytes) const {
    const rlimit limit{bytes, unlimited_.rlim_max};
    ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &limit), 0);
  }
  void free_space() { set_limit(unlimited_.rlim_cur); }
  rlimit unlimited_{};
};

TEST_F(FullDisk, E802NothingIsLostAndTheGapIsRecorded) {
  auto journal = open();
  const auto one = add(*journal);
  journal->flush();
  const auto size = fs::file_size(journal->path());
  set_limit(size + 100);  // in the middle of the next line
  const auto two = add(*journal);
  EXPECT_TRUE(journal->healthy());
  Receipt receipt = journal->flush();
  EXPECT_FALSE(journal->healthy());
  EXPECT_TRUE(receipt.covers(one));
  EXPECT_FALSE(receipt.covers(two));
  EXPECT_EQ(fs::file_size(journal->path()), size + 100);
  const auto three = add(*journal);
  EXPECT_FALSE(journal->flush().covers(two));
  set_limit(size + 100 + 1000);  // room for one line and a part of the next
  receipt = journal->flush();
  EXPECT_TRUE(receipt.covers(two));
  EXPECT_FALSE(receipt.covers(three));
  EXPECT_FALSE(journal->healthy());
  free_space();
  EXPECT_TRUE(journal->flush().covers(three));
  EXPECT_TRUE(journal->healthy());
  EXPECT_FALSE(journal->pending());
  EXPECT_EQ(journal->counters().failures, 3U);
  journal->close("test");

  const auto lines = lines_of(read_file(journal->path()));
  ASSERT_EQ(lines.size(), 7U);
  EXPECT_EQ(parse_head(lines[5])->kind, "gap");
  EXPECT_EQ(keyward_of(lines[5]).at("lost"), 0);
  const StreamReport report = verified();
  EXPECT_TRUE(report.whole) << report.problem;
}

TEST_F(FullDisk, EveryLimitResumesToTheSameTrail) {
  for (std::uint64_t room = 1; room < 6000; room += 37) {
    TempDir directory;
    auto journal = open(sample_config(directory.path()));
    const auto size = fs::file_size(journal->path());
    set_limit(size + room);
    for (int count = 0; count < 4; ++count) {
      const auto ticket = add(*journal);
      const auto written = lines_of(read_file(journal->path())).size();
      const Receipt receipt = journal->flush();
      const auto now = lines_of(read_file(journal->path())).size();
      EXPECT_GE(now, written);
      EXPECT_EQ(receipt.covers(ticket), now >= ticket) << room;
      EXPECT_TRUE(receipt.covers(now)) << room;
    }
    free_space();
    journal->flush();
    EXPECT_TRUE(journal->healthy());
    journal->close("test");
    const auto report = verify(directory.path());
    ASSERT_TRUE(report);
    ASSERT_TRUE(report->whole()) << room << " " << report->streams[0].problem;
  }
}

TEST_F(FullDisk, ShedsOnlyWhatHidesNoChange) {
  auto journal = open();
  set_limit(fs::file_size(journal->path()));
  std::vector<std::string> names(16, std::string(256, '\x01'));
  std::vector<std::string_view> args{"MGET"};
  args.insert(args.end(), names.begin(), names.end());
  const test::SampleRequest mget("mget", args, names.size(), false);
  Event denial = set_.event(&subject_);
  denial.kind = Kind::denial;
  denial.outcome = Outcome::denied;
  denial.request = mget.text();
  std::uint64_t kept = 0;
  while (journal->append(denial) != 0) {
    if (kept++ == 0) journal->flush();
  }
  EXPECT_GT(journal->counters().bytes, Journal::kBufferLimit);
  EXPECT_EQ(journal->append(denial), 0U);
  Event read = set_.event(&subject_);
  read.request = mget.text();
  EXPECT_EQ(journal->append(read), 0U);
  const std::uint64_t write = add(*journal);
  EXPECT_GT(write, kept);
  free_space();
  EXPECT_TRUE(journal->flush().covers(write));
  EXPECT_EQ(journal->counters().shed, 3U);
  journal->close("test");
  const auto lines = lines_of(read_file(journal->path()));
  EXPECT_EQ(keyward_of(lines[lines.size() - 2]).at("lost"), 3);
  EXPECT_TRUE(verified().whole);
}

TEST_F(FullDisk, AStartThatCannotBeWrittenLeavesNothing) {
  set_limit(0);
  EXPECT_FALSE(Journal::open(sample_config(dir_.path()), clock_));
  free_space();
  EXPECT_FALSE(verify(dir_.path()));
  EXPECT_TRUE(Journal::open(sample_config(dir_.path()), clock_));
}

}  // namespace
}  // namespace keyward::audit
