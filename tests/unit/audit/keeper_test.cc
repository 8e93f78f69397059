// Checkpoints, keys, compression and removal beside the data path.
#include "keyward/audit/keeper.h"

#include "audit/checkpoint.h"
#include "audit/key_ring.h"
#include "support/temp_dir.h"
#include "unit/audit/sample.h"

#include "keyward/audit/line_head.h"
#include "keyward/audit/lines.h"
#include "keyward/audit/trail_files.h"
#include "keyward/audit/verify.h"
#include "keyward/base/ed25519.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <sys/stat.h>
#include <unistd.h>

namespace keyward::audit {
namespace {

namespace fs = std::filesystem;
using keyward::test::TempDir;
using std::chrono::seconds;
using test::lines_of;
using test::read_file;
using test::sample_subject;
using test::SampleDenial;
using test::SampleSet;
using ::testing::HasSubstr;

constexpr const char* kInstance = "kw-1.example";

// An instance with one shard, as the server would wire it.
class KeeperTest : public ::testing::Test {
 protected:
  void begin(KeeperConfig config = {}) {
    config.directory = trail();
    config.instance = kInstance;
    auto opened = Keeper::open(std::move(config), clock_);
    ASSERT_TRUE(opened) << opened.error().message();
    keeper_ = std::move(*opened);
    shard_ = open_shard();
    keeper_->watch("shard-0", shard_->head());
  }
  std::unique_ptr<Journal> open_shard() {
    JournalConfig journal = test::sample_config(trail());
    journal.rotate = rotate_;
    journal.signed_by = keeper_->key_id();
    return *Journal::open(journal, clock_);
  }
  void end() {
    shard_.reset();
    keeper_.reset();
  }
  // As kill -9 would: neither stop record is written.
  void crash() {
    std::map<std::string, std::string> before;
    for (const auto& entry : fs::directory_iterator(trail()))
      before[entry.path()] = read_file(entry.path());
    end();
    for (const auto& [path, content] : before) test::write_file(path, content);
    for (const auto& entry : fs::directory_iterator(trail())) {
      if (!before.contains(entry.path())) fs::remove(entry.path());
    }
  }
  void add(int count = 1) {
    for (int done = 0; done < count; ++done) {
      clock_.advance(std::chrono::milliseconds(1));
      shard_->append(set_.event(&subject_));
      static_cast<void>(shard_->flush());
    }
  }
  void pass(seconds time) {
    clock_.advance(time);
    keeper_->step();
  }
  [[nodiscard]] std::string trail() const { return dir_.file("audit"); }
  [[nodiscard]] std::string key_file() const { return signing_key_file(trail(), kInstance); }
  std::vector<std::string> files(std::string_view stream) {
    std::vector<std::string> out;
    for (const TrailFile& file : *list_trail(trail())) {
      if (file.stream == stream) out.push_back(file.path);
    }
    return out;
  }
  std::vector<std::string> lines(std::string_view stream) {
    auto from = *TrailLines::open(files(stream));
    std::vector<std::string> out;
    while (const auto line = from.next()) out.emplace_back(*line);
    return out;
  }
  std::vector<Checkpoint> checkpoints() {
    std::vector<Checkpoint> out;
    for (const std::string& line : lines(kCheckpointStream)) {
      if (auto checkpoint = parse_checkpoint(line)) out.push_back(*std::move(checkpoint));
    }
    return out;
  }
  static const StreamMark& mark(const Checkpoint& checkpoint, std::string_view stream) {
    for (const StreamMark& one : checkpoint.streams) {
      if (one.stream == stream) return one;
    }
    throw std::runtime_error("no such stream");
  }
  VerifyReport verified(VerifyOptions options = {}) {
    auto report = verify(trail(), options);
    EXPECT_TRUE(report) << (report ? "" : report.error().message());
    return report ? *report : VerifyReport{};
  }
  // "stream: problem" of every stream that is not whole.
  std::string problems(VerifyOptions options = {}) {
    std::string out;
    for (const StreamReport& stream : verified(std::move(options)).streams) {
      if (!stream.whole) out += stream.stream + ": " + stream.problem + "\n";
    }
    return out;
  }

  TempDir dir_;
  FakeClock clock_;
  Rotation rotate_{};
  Subject subject_ = sample_subject();
  SampleSet set_;
  std::unique_ptr<Keeper> keeper_;
  std::unique_ptr<Journal> shard_;
};

TEST_F(KeeperTest, SignsWhatIsThereAlsoWhenNothingHappens) {
  begin();
  keeper_->set_policy_version("sha256:11aa");
  keeper_->step();
  add(3);
  pass(seconds(10));
  pass(seconds(10));
  const auto all = checkpoints();
  ASSERT_EQ(all.size(), 3U);
  EXPECT_EQ(mark(all[0], "shard-0").sequence, 1U);
  EXPECT_EQ(mark(all[1], "shard-0").first, 2U);
  EXPECT_EQ(mark(all[1], "shard-0").sequence, 5U);
  EXPECT_EQ(mark(all[2], "shard-0").sequence, 5U);
  EXPECT_EQ(view(mark(all[2], "shard-0").hash), view(hash_of(lines("shard-0").back())));
  EXPECT_EQ(all[1].policy_version, "sha256:11aa");
  EXPECT_EQ(all[1].every_ms, 10'000U);
  EXPECT_EQ(all[2].mono_us - all[1].mono_us, 10'000'000U);
  EXPECT_TRUE(mark(all[1], "shard-0").open);
  end();
  EXPECT_EQ(problems(), "");
}

TEST_F(KeeperTest, SignsAtARotationAndAtTheEnd) {
  rotate_ = {.size = 4000, .every = {}};
  begin();
  keeper_->step();
  add(20);
  keeper_->step();
  EXPECT_EQ(checkpoints().size(), 2U);
  EXPECT_EQ(mark(checkpoints().back(), "shard-0").number, files("shard-0").size());
  keeper_->step();
  EXPECT_EQ(checkpoints().size(), 2U);
  end();
  ASSERT_EQ(checkpoints().size(), 3U);
  EXPECT_FALSE(mark(checkpoints().back(), "shard-0").open);
  EXPECT_EQ(view(mark(checkpoints().back(), "shard-0").hash),
            view(hash_of(lines("shard-0").back())));
}

TEST_F(KeeperTest, EverySignatureHoldsAndCoversEveryByte) {
  begin();
  pass(seconds(10));
  const std::string line = lines(kCheckpointStream).back();
  const PublicKey key = KeyRing::load(key_ring_file(trail(), kInstance))->at(0);
  ASSERT_TRUE(signature_holds(line, key));
  EXPECT_EQ(parse_checkpoint(line)->key, key.id());
  for (std::size_t at = 0; at < line.size(); ++at) {
    std::string changed = line;
    changed[at] = static_cast<char>(changed[at] ^ 1);
    ASSERT_FALSE(signature_holds(changed, key)) << at;
  }
}

TEST_F(KeeperTest, TheKeyIsPrivateAndNotInTheTrail) {
  begin();
  struct stat facts {};
  ASSERT_EQ(::stat(key_file().c_str(), &facts), 0);
  EXPECT_EQ(facts.st_mode & 0777, 0600U);
  ASSERT_EQ(::stat((trail() + "-keys").c_str(), &facts), 0);
  EXPECT_EQ(facts.st_mode & 0777, 0700U);
  for (const auto& entry : fs::recursive_directory_iterator(trail())) {
    EXPECT_THAT(read_file(entry.path()), ::testing::Not(HasSubstr("PRIVATE KEY")));
  }
}

TEST_F(KeeperTest, AKeyThatIsGoneOrOpenOrForeignIsNotReplaced) {
  begin();
  end();
  const std::string pem = read_file(key_file());
  const auto again = [&] {
    const auto opened = Keeper::open({.directory = trail(), .instance = kInstance}, clock_);
    return opened ? std::string() : opened.error().message();
  };
  EXPECT_EQ(again(), "");
  fs::remove(key_file());
  EXPECT_THAT(again(), HasSubstr("is gone"));
  EXPECT_FALSE(fs::exists(key_file()));
  ASSERT_TRUE(PrivateKey::make().save(key_file(), false));
  EXPECT_THAT(again(), HasSubstr("rotate-key"));
  test::write_file(key_file(), pem);
  ASSERT_EQ(::chmod(key_file().c_str(), 0640), 0);
  EXPECT_THAT(again(), HasSubstr("chmod 600"));
}

TEST_F(KeeperTest, ANewKeyIsSignedByTheOldOneAndTakenUp) {
  begin();
  pass(seconds(10));
  const std::string old = keeper_->key_id();
  const auto fresh = rotate_signing_key(trail(), kInstance, {}, clock_);
  ASSERT_TRUE(fresh) << fresh.error().message();
  EXPECT_NE(*fresh, old);
  pass(seconds(10));
  EXPECT_EQ(checkpoints().back().key, *fresh);
  EXPECT_EQ(checkpoints().front().key, old);
  end();
  EXPECT_EQ(problems(), "");
  begin();
  end();
  EXPECT_EQ(problems(), "");
  // Whoever knows the first key from elsewhere is led to the second.
  const auto ring = *KeyRing::load(key_ring_file(trail(), kInstance));
  test::write_file(dir_.file("first.pem"), ring.at(0).pem());
  test::write_file(dir_.file("other.pem"), PrivateKey::make().public_key().pem());
  EXPECT_EQ(problems({.trusted_key = dir_.file("first.pem")}), "");
  EXPECT_EQ(problems({.trusted_key = dir_.file("other.pem")}), "checkpoints: unknown key\n");
}

TEST_F(KeeperTest, AKeyThatNobodyIntroducedIsUnknown) {
  begin();
  add(3);
  end();
  // Somebody signs everything anew with a key of his own: all fits, but not for who knows the key.
  const auto genuine = KeyRing::load(key_ring_file(trail(), kInstance))->at(0);
  test::write_file(dir_.file("known.pem"), genuine.pem());
  const std::string ring = key_ring_file(trail(), kInstance);
  const PrivateKey own = PrivateKey::make();
  fs::remove(ring);
  ASSERT_TRUE(KeyRing::add(ring, own.public_key(), own, clock_.wall()));
  EXPECT_EQ(problems(), "checkpoints: unknown key\n");
  ASSERT_TRUE(KeyRing::add(ring, genuine, own, clock_.wall()));  // a leader that never was
  EXPECT_EQ(problems({.trusted_key = dir_.file("known.pem")}), "");
  fs::remove(ring);
  EXPECT_EQ(problems(), "checkpoints: unknown key\n");
}

TEST_F(KeeperTest, EveryByteOfTheRingCounts) {
  begin();
  ASSERT_TRUE(rotate_signing_key(trail(), kInstance, {}, clock_));
  pass(seconds(10));
  end();
  const std::string path = key_ring_file(trail(), kInstance), content = read_file(path);
  for (std::size_t at = 0; at < content.size(); ++at) {
    std::string changed = content;
    changed[at] = static_cast<char>(changed[at] ^ 1);
    test::write_file(path, changed);
    ASSERT_NE(problems(), "") << at;
  }
  test::write_file(path, content.substr(0, content.find('\n') + 1));
  EXPECT_EQ(problems(), "checkpoints: unknown key\n");
}

TEST_F(KeeperTest, ACutTailAndAMissingLastFileAreSeen) {
  rotate_ = {.size = 4000, .every = {}};
  begin();
  add(20);
  end();
  ASSERT_EQ(problems(), "");
  const std::string last = files("shard-0").back(), content = read_file(last);
  // Cut behind a record, which no chain can see.
  const auto all = lines_of(content);
  std::string cut;
  for (std::size_t at = 0; at + 1 < all.size(); ++at) cut += all[at] + "\n";
  test::write_file(last, cut);
  EXPECT_EQ(problems(), "shard-0: truncated\n");
  const VerifyReport report = verified();
  EXPECT_EQ(report.streams.back().line, all.size());
  EXPECT_EQ(report.streams.back().sequence, parse_head(all.back())->sequence);
  fs::remove(last);
  EXPECT_EQ(problems(), "shard-0: truncated\n");
  for (const std::string& path : files("shard-0")) fs::remove(path);
  EXPECT_EQ(problems(), "shard-0: missing file\n");
}

TEST_F(KeeperTest, ATrailWhoseCheckpointsAreGoneIsSeen) {
  begin();
  add(3);
  end();
  for (const std::string& path : files(kCheckpointStream)) fs::remove(path);
  EXPECT_EQ(problems(), "shard-0: missing checkpoint\n");
}

TEST_F(KeeperTest, CheckpointsThatEndLongBeforeTheRecordsAreMissing) {
  begin();
  keeper_->step();
  add(3);
  clock_.advance(seconds(59));
  add(1);
  EXPECT_EQ(problems(), "");
  clock_.advance(seconds(2));
  add(1);
  EXPECT_EQ(problems(), "shard-0: missing checkpoint\n");
  keeper_->step();
  EXPECT_EQ(problems(), "");
}

TEST_F(KeeperTest, ARewrittenChainIsSeen) {
  begin();
  add(5);
  pass(seconds(10));
  crash();
  // Whole in itself: another history of the same length.
  const std::string path = files("shard-0").front();
  TempDir other;
  FakeClock clock;
  JournalConfig config = test::sample_config(other.path());
  config.signed_by = parse_checkpoint(lines(kCheckpointStream).back())->key;
  auto forger = *Journal::open(config, clock);
  for (int count = 0; count < 5; ++count) {
    clock.advance(std::chrono::milliseconds(2));
    forger->append(set_.event(&subject_));
    static_cast<void>(forger->flush());
  }
  test::write_file(path, read_file(forger->path()));
  EXPECT_EQ(problems(), "shard-0: forked\n");
}

TEST_F(KeeperTest, ACopyTellsWhatTheTrailNoLongerDoes) {
  begin();
  const std::string copy = dir_.file("copy.jsonl");
  keeper_->copy_to(checkpoint_file(copy));
  keeper_->step();
  add(3);
  pass(seconds(10));
  // The trail as it was then, cut at a place where nothing follows.
  fs::copy(trail(), dir_.file("then"));
  add(3);
  pass(seconds(10));
  end();
  EXPECT_EQ(problems({.against = {copy}}), "");
  struct stat facts {};
  ASSERT_EQ(::stat(copy.c_str(), &facts), 0);
  EXPECT_EQ(facts.st_mode & 0777, 0600U);
  const auto then = verify(dir_.file("then"));
  EXPECT_TRUE(then->whole()) << "an earlier state is whole in itself";
  const auto held = verify(dir_.file("then"), {.against = {copy}});
  ASSERT_EQ(held->streams.size(), 2U);
  EXPECT_EQ(held->streams[0].problem, "truncated");
  EXPECT_EQ(held->streams[1].problem, "truncated");
  // And a copy that was changed is no witness.
  std::string text = read_file(copy);
  text[text.size() / 2] ^= 1;
  test::write_file(copy, text);
  const auto report = verified({.against = {copy}});
  EXPECT_FALSE(report.whole());
  ASSERT_EQ(report.copies.size(), 1U);
  EXPECT_NE(report.copies[0].problem, "");
  EXPECT_FALSE(verify(trail(), {.against = {dir_.file("none")}}));
}

// A place that is away for a while.
class Flaky final : public CheckpointSink {
 public:
  explicit Flaky(std::vector<std::string>& got, bool& away) : got_(got), away_(away) {}
  [[nodiscard]] const std::string& name() const override { return name_; }
  [[nodiscard]] Result<> put(std::string_view line) override {
    if (away_) return Error(Errc::unavailable, "away");
    got_.emplace_back(line);
    return {};
  }

 private:
  std::string name_ = "flaky";
  std::vector<std::string>& got_;
  bool& away_;
};

TEST_F(KeeperTest, WhatCouldNotBeCopiedIsCopiedLater) {
  std::vector<std::string> got;
  bool away = true;
  begin();
  keeper_->copy_to(std::make_unique<Flaky>(got, away));
  for (int count = 0; count < 5; ++count) pass(seconds(10));
  EXPECT_TRUE(got.empty());
  EXPECT_GT(keeper_->counters().failures, 0U);
  away = false;
  pass(seconds(2));
  EXPECT_EQ(got.size(), 5U);
  EXPECT_EQ(got.size(), keeper_->counters().checkpoints);
  end();
}

TEST_F(KeeperTest, TheNextRunGoesOnAndLooksAfterStreamsNobodyWrites) {
  begin();
  auto second = *Journal::open({.directory = trail(),
                                .instance = kInstance,
                                .stream = "shard-1",
                                .redis_label = "r",
                                .signed_by = keeper_->key_id()},
                               clock_);
  keeper_->watch("shard-1", second->head());
  add(2);
  keeper_->step();
  second.reset();
  crash();
  clock_.advance(std::chrono::hours(2));
  begin();  // with one shard only
  keeper_->step();
  const Checkpoint newest = checkpoints().back();
  EXPECT_FALSE(mark(newest, "shard-1").open);
  EXPECT_EQ(mark(newest, "shard-1").sequence, parse_head(lines("shard-1").back())->sequence);
  EXPECT_EQ(mark(newest, "shard-0").first, parse_head(lines("shard-0").back())->sequence);
  end();
  EXPECT_EQ(problems(), "");
}

TEST_F(KeeperTest, CompressesWhatIsClosed) {
  rotate_ = {.size = 4000, .every = {}};
  std::vector<std::string> closed;
  begin({.on_closed = [&](const std::string& path, const std::function<void()>& between) {
    between();  // signs; nothing rests without the thread
    EXPECT_TRUE(fs::exists(path));
    closed.push_back(path);
  }});
  add(20);
  const std::size_t count = files("shard-0").size();
  for (std::size_t step = 0; step < count; ++step) pass(seconds(1));
  EXPECT_EQ(closed.size(), count - 1);
  EXPECT_EQ(keeper_->counters().compressed, count - 1);
  for (std::size_t at = 0; at + 1 < count; ++at)
    EXPECT_TRUE(files("shard-0")[at].ends_with(".zst"));
  end();
  EXPECT_EQ(problems(), "");
}

TEST_F(KeeperTest, RemovesWhatIsTooOldAndSaysSoFirst) {
  rotate_ = {.size = 4000, .every = {}};
  std::uint64_t needed = 1;
  begin(
      {.retention = {.age = std::chrono::hours(24), .size = 0},
       .hold = [&](std::string_view stream) { return stream == "shard-0" ? needed : 1'000'000; }});
  add(30);
  const std::size_t count = files("shard-0").size();
  const auto old = clock_.wall().time_since_epoch() - std::chrono::hours(30);
  const timespec stamp{std::chrono::duration_cast<seconds>(old).count(), 0};
  const auto age = [&] {
    for (const std::string& path : files("shard-0")) {
      const timespec both[2] = {stamp, stamp};
      ASSERT_EQ(::utimensat(AT_FDCWD, path.c_str(), both, 0), 0);
    }
  };
  for (std::size_t step = 0; step < count; ++step) pass(seconds(1));
  age();
  pass(seconds(1));
  EXPECT_EQ(files("shard-0").size(), count) << "somebody has still to read it";
  needed = 1'000'000;
  pass(seconds(1));
  EXPECT_EQ(files("shard-0").size(), count - 1);
  EXPECT_EQ(problems(), "");
  EXPECT_EQ(mark(checkpoints().back(), "shard-0").from.number, 2U);
  for (std::size_t step = 0; step < count; ++step) pass(seconds(1));
  EXPECT_EQ(files("shard-0").size(), 1U) << "the open one stays";
  add(3);
  pass(seconds(10));
  crash();
  begin();
  end();
  EXPECT_EQ(problems(), "");
  EXPECT_GT(verified().streams.back().first, 1U);
  // One more than was said is missing.
  ASSERT_GT(files("shard-0").size(), 1U);
  fs::remove(files("shard-0").front());
  EXPECT_EQ(problems(), "shard-0: missing file\n");
}

TEST_F(KeeperTest, ASegmentThatWasToGoAndIsStillThereIsNoHarm) {
  rotate_ = {.size = 4000, .every = {}};
  begin({.compress = false, .retention = {.age = {}, .size = 1}});
  add(10);
  const std::string first = files("shard-0").front(), content = read_file(first);
  for (int step = 0; step < 9 && fs::exists(first); ++step) keeper_->step();
  ASSERT_FALSE(fs::exists(first));
  end();
  EXPECT_EQ(problems(), "");
  test::write_file(first, content);  // as a crash between the checkpoint and the removal leaves it
  EXPECT_EQ(problems(), "");
}

TEST_F(KeeperTest, TheThreadSignsInTime) {
  const SystemClock clock;
  auto keeper = *Keeper::open(
      {.directory = trail(), .instance = kInstance, .every = std::chrono::milliseconds(1)}, clock);
  keeper->start();
  for (int wait = 0; wait < 200 && keeper->counters().checkpoints < 3; ++wait) ::usleep(50'000);
  EXPECT_GE(keeper->counters().checkpoints, 3U);
  keeper.reset();
  EXPECT_EQ(problems(), "");
}

}  // namespace
}  // namespace keyward::audit
