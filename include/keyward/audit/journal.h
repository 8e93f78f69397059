// One hash-chained stream of OCSF lines in segments. Owned by one thread (a shard's, the control
// thread, the keeper's) and used on it only.
#pragma once

#include "keyward/audit/durability.h"
#include "keyward/audit/event.h"
#include "keyward/audit/receipt.h"
#include "keyward/base/result.h"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>

namespace keyward::audit {

class Head;

// When a stream goes on in a new segment; 0 = never.
struct Rotation {
  std::uint64_t size = std::uint64_t{256} << 20;  // bytes of text
  std::chrono::milliseconds every = std::chrono::hours(24);
};

struct JournalConfig {
  std::string directory;
  std::string instance;     // part of file names and records
  std::string stream;       // "shard-0", "control"
  std::string redis_label;  // database.uid in the records
  Rotation rotate{};
  std::string signed_by{};  // the key of the checkpoints, for the start record
  // A sync that takes longer counts as trouble of those who asked for it.
  std::chrono::milliseconds sync_limit = std::chrono::seconds(5);
};

// append() encodes, chains and buffers; before the first command or refusal of a session in the
// file it says who that is, in a record of its own. flush() hands everything buffered to the kernel
// with one write; records between two flushes share one reading of the clock. The caller flushes
// once a loop turn, before replies leave. A write that failed is tried again on the next flush;
// until then healthy() is false, the Receipt does not cover the lines, and state-changing commands
// must be refused. When writing works again, a gap record says from when to when it did not, how
// often it was tried and what was shed.
//
// What waits is bounded: beyond kBufferLimit, records of logins, session ends, refusals and reads
// are shed and counted; records of commands that write, of leases and of policies are kept always.
// Those cannot grow without bound, because none is accepted while healthy() is false: what comes is
// the outcome of what was already on its way. The process must ignore SIGXFSZ, or a file size limit
// ends it.
//
// Records of a subject with Durability::synced or ::strict make flush() ask a thread for a sync;
// on_synced() says when it is done, and receipt() how far. Records with ::async are shed like
// reads.
class Journal {
 public:
  static constexpr std::size_t kBufferLimit = std::size_t{64} << 20;
  static constexpr std::uint64_t kNever = ~std::uint64_t{0};  // a ticket that no receipt covers

  // Continues the chain of the stream's newest segment in a new one and writes the start record
  // (which names the previous file, its last sequence and hash, and whether it ended without a stop
  // record).
  [[nodiscard]] static Result<std::unique_ptr<Journal>> open(JournalConfig config,
                                                             const Clock& clock);
  ~Journal();  // writes the stop record when close() was not called
  Journal(const Journal&) = delete;
  Journal& operator=(const Journal&) = delete;

  // The ticket of the record: its sequence number in this stream; 0 when it was shed, kNever after
  // close().
  std::uint64_t append(const Event& event);
  // As append, for a record whose line holds room for a signature (or the like) among `extra`, JSON
  // members for unmapped.keyward: `sign` fills it before the next record refers to it.
  std::uint64_t append_signed(const Event& event, std::string_view extra,
                              const std::function<void(std::span<char> line)>& sign);
  Receipt flush();
  // How far records are as durable as `level` asks. With ::async everything is.
  [[nodiscard]] Receipt receipt(Durability level = Durability::written) const;
  [[nodiscard]] bool healthy() const;
  // May a command that changes state be forwarded, if its record is to be so durable?
  [[nodiscard]] bool ready(Durability level) const;
  // Somebody waits for what was written so far, whatever its records asked for.
  void request_sync();
  // `done` is called on another thread after each sync; what it leads to must end before the
  // journal does. Before the first append.
  void on_synced(std::function<void()> done);
  [[nodiscard]] bool pending() const;  // something waits for flush()
  // The segment is as old as it may get: flush() goes on in a new one.
  [[nodiscard]] bool outlived() const;
  [[nodiscard]] bool syncing() const;  // a sync is waited for: flush() looks how long
  // What the keeper signs; alive as long as anybody holds it.
  [[nodiscard]] std::shared_ptr<const Head> head() const;
  void close(std::string_view reason);
  struct Counters {
    std::uint64_t records = 0, bytes = 0, flushes = 0, failures = 0, shed = 0;
    std::uint64_t denied = 0, rotations = 0, late_syncs = 0;
  };
  [[nodiscard]] Counters counters() const;
  [[nodiscard]] const std::string& path() const;

 private:
  struct State;
  explicit Journal(std::unique_ptr<State> state);
  static Receipt make_receipt(std::uint64_t durable) { return Receipt(durable); }
  std::unique_ptr<State> state_;
};

}  // namespace keyward::audit
