// What a receipt of each level stands for.
#include "support/temp_dir.h"
#include "unit/audit/sample.h"

#include "keyward/audit/journal.h"
#include "keyward/audit/verify.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <sys/types.h>
#include <unistd.h>

namespace {

// A disk that the tests can hold up or break: what the journal calls instead of the kernel.
struct Disk {
  std::mutex mutex;
  std::condition_variable moved;
  bool held = false;
  int error = 0;
  std::atomic<int> syncs{0};
};
Disk& disk() {
  static Disk one;
  return one;
}

}  // namespace

extern "C" int fdatasync(int) {
  std::unique_lock lock(disk().mutex);
  disk().moved.wait(lock, [] { return !disk().held; });
  ++disk().syncs;
  if (disk().error == 0) return 0;
  errno = disk().error;
  return -1;
}

namespace keyward::audit {
namespace {

using keyward::test::TempDir;
using test::sample_subject;
using test::SampleSet;

void hold(bool held) {
  const std::lock_guard lock(disk().mutex);
  disk().held = held;
  disk().moved.notify_all();
}

class DurabilityTest : public ::testing::Test {
 protected:
  void SetUp() override { open(); }
  void TearDown() override {
    hold(false);
    disk().error = 0;
    journal_.reset();
  }
  void open() {
    JournalConfig config = test::sample_config(dir_.path());
    config.rotate = {.size = 4000, .every = {}};
    journal_ = *Journal::open(config, clock_);
    journal_->on_synced([this] {
      const std::lock_guard lock(mutex_);
      ++done_;
      moved_.notify_all();
    });
  }
  std::uint64_t add(Durability level) {
    subject_.durability = level;
    const std::uint64_t ticket = journal_->append(set_.event(&subject_));
    static_cast<void>(journal_->flush());
    return ticket;
  }
  // True when it is so within a while.
  template <typename Condition>
  bool soon(const Condition& condition) {
    for (int wait = 0; wait < 400; ++wait) {
      if (condition()) return true;
      ::usleep(5000);
    }
    return false;
  }
  bool synced(std::uint64_t ticket) {
    return soon([&] { return journal_->receipt(Durability::synced).covers(ticket); });
  }

  TempDir dir_;
  FakeClock clock_;
  Subject subject_ = sample_subject();
  SampleSet set_;
  std::mutex mutex_;
  std::condition_variable moved_;
  int done_ = 0;
  std::unique_ptr<Journal> journal_;
};

TEST_F(DurabilityTest, SyncedWaitsForTheDiskAndWrittenDoesNot) {
  hold(true);
  const std::uint64_t ticket = add(Durability::synced);
  EXPECT_TRUE(journal_->receipt(Durability::written).covers(ticket));
  EXPECT_FALSE(journal_->receipt(Durability::synced).covers(ticket));
  EXPECT_FALSE(journal_->receipt(Durability::strict).covers(ticket));
  EXPECT_TRUE(journal_->receipt(Durability::async).covers(ticket + 100));
  EXPECT_TRUE(journal_->syncing());
  hold(false);
  EXPECT_TRUE(synced(ticket));
  EXPECT_TRUE(journal_->receipt(Durability::strict).covers(ticket));
  EXPECT_FALSE(journal_->receipt(Durability::synced).covers(ticket + 1));
  EXPECT_TRUE(soon([&] {
    const std::lock_guard lock(mutex_);
    return done_ > 0;
  }));
}

TEST_F(DurabilityTest, WhoWaitsForARecordThatAskedForNothingIsServed) {
  const std::uint64_t ticket = add(Durability::written);
  EXPECT_FALSE(journal_->receipt(Durability::synced).covers(ticket));
  journal_->request_sync();
  EXPECT_TRUE(synced(ticket));
}

TEST_F(DurabilityTest, NobodyAsksNobodySyncs) {
  const int before = disk().syncs;
  for (int count = 0; count < 50; ++count) add(Durability::written);
  EXPECT_EQ(disk().syncs, before);
  EXPECT_FALSE(journal_->syncing());
}

TEST_F(DurabilityTest, WhatCameMeanwhileGoesInOne) {
  hold(true);
  add(Durability::synced);
  const int before = disk().syncs;
  std::uint64_t last = 0;
  for (int count = 0; count < 4; ++count) last = add(Durability::synced);
  hold(false);
  EXPECT_TRUE(synced(last));
  EXPECT_LE(disk().syncs - before, 2);
}

TEST_F(DurabilityTest, ARotationLosesNoSync) {
  std::uint64_t last = 0;
  for (int count = 0; count < 100; ++count) last = add(Durability::synced);
  EXPECT_GT(journal_->counters().rotations, 5U);
  EXPECT_TRUE(synced(last));
}

TEST_F(DurabilityTest, E802ASlowDiskRefusesThoseWhoAskedForItAndRecoversByItself) {
  hold(true);
  const std::uint64_t ticket = add(Durability::synced);
  EXPECT_TRUE(journal_->ready(Durability::synced));
  clock_.advance(std::chrono::seconds(6));
  static_cast<void>(journal_->flush());
  EXPECT_FALSE(journal_->ready(Durability::synced));
  EXPECT_FALSE(journal_->ready(Durability::strict));
  EXPECT_FALSE(journal_->healthy());
  EXPECT_TRUE(journal_->ready(Durability::written));
  EXPECT_TRUE(journal_->ready(Durability::async));
  hold(false);
  EXPECT_TRUE(synced(ticket));
  EXPECT_TRUE(soon([&] {
    static_cast<void>(journal_->flush());
    return journal_->healthy();
  }));
  static_cast<void>(journal_->flush());
  EXPECT_NE(test::read_file(journal_->path()).find("brought to the disk in time"),
            std::string::npos);
  journal_->close("test");
  EXPECT_TRUE(verify(dir_.path())->whole());
}

TEST_F(DurabilityTest, AfterASyncThatFailedNothingCountsAsSynced) {
  const std::uint64_t before = add(Durability::synced);
  ASSERT_TRUE(synced(before));
  disk().error = EIO;
  const std::uint64_t ticket = add(Durability::synced);
  EXPECT_TRUE(soon([&] { return !journal_->ready(Durability::synced); }));
  disk().error = 0;
  const std::uint64_t later = add(Durability::synced);
  ::usleep(50'000);
  EXPECT_FALSE(journal_->receipt(Durability::synced).covers(ticket));
  EXPECT_FALSE(journal_->receipt(Durability::synced).covers(later));
  EXPECT_TRUE(journal_->receipt(Durability::written).covers(later));
  EXPECT_TRUE(journal_->ready(Durability::written));
}

TEST_F(DurabilityTest, AnIntentIsARecordOfItsOwn) {
  subject_.durability = Durability::strict;
  Event intent = set_.event(&subject_);
  intent.kind = Kind::intent;
  const std::uint64_t ticket = journal_->append(intent);
  static_cast<void>(journal_->flush());
  EXPECT_TRUE(synced(ticket));
  const auto line = test::lines_of(test::read_file(journal_->path())).back();
  EXPECT_NE(line.find(R"("kind":"intent")"), std::string::npos);
  EXPECT_NE(line.find("SET airflow:k <5 bytes>"), std::string::npos);
  journal_->close("test");
  EXPECT_TRUE(verify(dir_.path())->whole());
}

}  // namespace
}  // namespace keyward::audit
