// Group commit: a thread that brings what a journal wrote to the disk, all that came meanwhile in
// one go.
#pragma once

#include "keyward/base/descriptor.h"

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace keyward::audit {

// Made by a journal when the first record asks for it. request() is called on the journal's thread.
class Syncer {
 public:
  // `directory`: what the segments are in. `done` is called on the thread after each time.
  Syncer(int directory, std::function<void()> done);
  ~Syncer();
  Syncer(const Syncer&) = delete;
  Syncer& operator=(const Syncer&) = delete;

  // From now on requests are about this file as well; the ones before are synced once more.
  void enter(int file);
  // Everything up to this record was written.
  void request(std::uint64_t sequence);
  [[nodiscard]] std::uint64_t synced() const { return synced_.load(std::memory_order_acquire); }
  // errno of a sync that failed. Nothing counts as synced after it: the kernel may have dropped
  // what it could not write, and the next sync would not say so.
  [[nodiscard]] int error() const { return error_.load(std::memory_order_relaxed); }

 private:
  void run();
  [[nodiscard]] int sync(const std::vector<int>& files, bool folder) const;

  std::mutex mutex_;
  std::condition_variable wake_;
  std::vector<Descriptor> files_;  // the last is the one that grows
  bool entered_ = false;           // a name that is not on the disk yet
  bool stopping_ = false;
  std::uint64_t wanted_ = 0;
  std::atomic<std::uint64_t> synced_{0};
  std::atomic<int> error_{0};
  Descriptor directory_;
  std::function<void()> done_;
  std::thread thread_;
};

}  // namespace keyward::audit
