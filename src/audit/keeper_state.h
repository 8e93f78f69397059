// What a keeper holds. keeper.cc signs; keeper_archive.cc compresses, indexes and removes.
#pragma once

#include "audit/archive.h"
#include "audit/checkpoint.h"
#include "audit/head.h"
#include "audit/key_file.h"
#include "audit/patience.h"

#include "keyward/audit/keeper.h"

#include <atomic>
#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <thread>

namespace keyward::audit {

// Where a stream begins that begins with this segment; nothing when it cannot be read.
[[nodiscard]] std::optional<Origin> origin_of(const TrailFile& file);

struct Keeper::State {
  static constexpr std::chrono::milliseconds kNap{200};  // a rotation is noticed within it

  State(KeeperConfig settings, const Clock& source) : config(std::move(settings)), clock(source) {}

  struct Stream {
    std::shared_ptr<const Head> head;  // null: nobody writes it in this run
    HeadState dormant;
    Origin from;
    std::uint64_t covered = 0;        // by a checkpoint that is written
    std::uint64_t before = 0;         // the record that the next checkpoint begins behind
    std::uint64_t signed_number = 0;  // the segment of that record
    bool was_open = true;
    [[nodiscard]] HeadState state() const { return head ? head->load() : dormant; }
  };
  struct Copy {
    std::unique_ptr<CheckpointSink> sink;
    std::deque<std::string> waiting;
    MonoTime not_before{};
    bool failing = false;
  };

  KeeperConfig config;
  const Clock& clock;
  std::string key_path, ring_path;
  std::optional<KeyFile> key;
  std::unique_ptr<Journal> journal;
  std::map<std::string, Stream, std::less<>> streams;
  std::vector<Copy> copies;
  MonoTime next_checkpoint{}, next_housekeeping{};
  std::set<std::string> seen_closed;
  std::map<std::string, MonoTime> not_before;  // segments that could not be compressed
  std::string unsent;                          // the newest line until it is with the kernel
  bool finished = false;

  std::mutex mutex;
  std::condition_variable wake;
  bool stopping = false;  // under the mutex, as the next
  std::string policy_version;
  std::thread thread;
  std::optional<Patience> patience;  // once the thread runs
  std::uint64_t interruptions = 0;   // of it, when it last looked
  bool hurried = false;              // what waits takes too much of the disk
  MonoTime next_look{};
  std::atomic<std::uint64_t> checkpoints{0}, failures{0}, compressed{0}, removed{0},
      stored_bytes{0}, waiting_bytes{0}, last_us{0};

  Result<> open();
  void adopt_streams(const std::vector<Stored>& all);
  void mind_key();
  [[nodiscard]] bool due(MonoTime now) const;
  [[nodiscard]] Checkpoint gather();
  bool sign();
  void send_copies();
  void pulse();
  void between();
  void rest(std::chrono::milliseconds pause);
  void look(const std::vector<Stored>& all);
  void housekeep(MonoTime now);
  bool compress_one(const std::vector<Stored>& all, MonoTime now);
  void remove_one(const std::vector<Stored>& all);
  void run();
};

}  // namespace keyward::audit
