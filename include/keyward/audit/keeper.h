// What looks after a trail beside the data path: signs checkpoints of all streams of an instance
// and copies them elsewhere, compresses closed segments, removes old ones.
#pragma once

#include "keyward/audit/checkpoint_sink.h"
#include "keyward/audit/journal.h"
#include "keyward/audit/keys.h"
#include "keyward/audit/retention.h"
#include "keyward/base/clock.h"
#include "keyward/base/result.h"

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace keyward::audit {

struct KeeperConfig {
  std::string directory{};
  std::string instance{};
  std::chrono::milliseconds every = std::chrono::seconds(10);
  // The private key; made when it does not exist and none signed before. Empty: signing_key_file().
  std::string key_file{};
  Rotation rotate{};
  bool compress = true;
  Retention retention{};
  // Of a stream: the lowest sequence that somebody still has to read; segments that hold it or a
  // later one stay. Empty: nobody. Called on the keeper's thread.
  std::function<std::uint64_t(std::string_view stream)> hold{};
  // A closed segment, once in the life of the process and before it is compressed. On the keeper's
  // thread. Long work calls `between` every few milliseconds: checkpoints are signed there, and the
  // work rests while others want the core.
  std::function<void(const std::string& path, const std::function<void()>& between)> on_closed{};
};

class Keeper {
 public:
  // Errors: a key that others may read, one that signed before and is gone, or one that no earlier
  // key signed.
  [[nodiscard]] static Result<std::unique_ptr<Keeper>> open(KeeperConfig config,
                                                            const Clock& clock);
  ~Keeper();  // as finish()
  Keeper(const Keeper&) = delete;
  Keeper& operator=(const Keeper&) = delete;

  // Before start(): the streams to sign, and where to copy what was signed.
  void watch(std::string stream, std::shared_ptr<const Head> head);
  void copy_to(std::unique_ptr<CheckpointSink> sink);
  [[nodiscard]] const std::string& key_id() const;  // for JournalConfig::signed_by

  // Begins the thread, with a checkpoint.
  void start();
  // After every other stream was closed: the last checkpoint, and the end of the thread.
  void finish();

  // From any thread.
  void set_policy_version(std::string version);
  struct Counters {
    std::uint64_t checkpoints = 0, failures = 0, compressed = 0, removed = 0, stored_bytes = 0;
    std::uint64_t waiting_bytes = 0;  // of closed segments that are not compressed yet
    std::uint64_t last_us = 0;        // wall time of the newest checkpoint
  };
  [[nodiscard]] Counters counters() const;

  // What the thread does again and again; for tests, instead of start(). One step compresses at
  // most one segment and removes at most one.
  void step();

 private:
  struct State;
  explicit Keeper(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace keyward::audit
