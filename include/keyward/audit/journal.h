// One hash-chained stream of OCSF lines, one file per run. Owned by one shard (or the control
// thread) and used on it only.
#pragma once

#include "keyward/audit/event.h"
#include "keyward/audit/receipt.h"
#include "keyward/base/result.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

namespace keyward::audit {

struct JournalConfig {
  std::string directory;
  std::string instance;     // part of file names and records
  std::string stream;       // "shard-0", "control"
  std::string redis_label;  // database.uid in the records
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
class Journal {
 public:
  static constexpr std::size_t kBufferLimit = std::size_t{64} << 20;
  static constexpr std::uint64_t kNever = ~std::uint64_t{0};  // a ticket that no receipt covers

  // Continues the chain of the stream's newest file in a new file and writes the start record
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
  Receipt flush();
  [[nodiscard]] Receipt receipt() const;  // what is durable now
  [[nodiscard]] bool healthy() const;
  [[nodiscard]] bool pending() const;  // something waits for flush()
  void close(std::string_view reason);
  struct Counters {
    std::uint64_t records = 0, bytes = 0, flushes = 0, failures = 0, shed = 0;
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
