// Reads a trail from end to end as records, each joined with who it is about.
#pragma once

#include "keyward/audit/lines.h"
#include "keyward/base/result.h"
#include "keyward/trail/record.h"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace keyward::trail {

struct ReadCounts {
  std::uint64_t lines = 0, bytes = 0;
  std::uint64_t unreadable = 0;     // lines that are no record
  std::uint64_t unjoined = 0;       // commands and refusals without a session record before them
  std::vector<std::string> failed;  // files that could not be read to their end, and why
};

// Who the sessions of one file are, while it is read in order. Keeps those of the last 80 MiB and a
// few thousand more: every session is introduced again after 64 MiB of a file.
class Sessions {
 public:
  Sessions();
  ~Sessions();
  Sessions(Sessions&&) noexcept;
  Sessions& operator=(Sessions&&) noexcept;

  // Of a record that was just parsed: keeps it when it introduces a session; completes it when it
  // is a command or a refusal. False: of a session that was not introduced. What is filled in is
  // valid until the next call of any function.
  [[nodiscard]] bool join(Record& record);
  void passed(std::size_t bytes);  // of the file
  void forget();                   // another file begins

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// In the order of the files; on one thread.
class RecordReader {
 public:
  explicit RecordReader(audit::TrailLines lines);
  ~RecordReader();
  RecordReader(RecordReader&&) noexcept;
  RecordReader& operator=(RecordReader&&) noexcept;

  // The next record of any kind, `session` ones included; false at the end. Lines that are no
  // record are counted and passed over. `out` is valid until the next call.
  [[nodiscard]] bool next(Record& out);
  [[nodiscard]] ReadCounts counts() const;
  [[nodiscard]] const std::string& path() const;  // of the file that gave the newest record

 private:
  struct State;
  std::unique_ptr<State> state_;
};

struct ReadOptions {
  unsigned threads = 0;        // 0 = one per core
  audit::Progress progress{};  // bytes of text read and in all; by one thread at a time
};

// Where a record was read: in a file all by one worker, in their order. `worker` counts from 0 and
// is below workers_for(options).
struct ReadAt {
  std::size_t worker = 0, file = 0;
  const std::string* path = nullptr;
};
[[nodiscard]] unsigned workers_for(const ReadOptions& options);

// Every record of the files, and of all files of audit folders, on several threads, a file at a
// time: `take` is called by them at once, so let it write to something of its worker's own. Errors:
// a path that is not there, a folder without a trail.
[[nodiscard]] Result<ReadCounts> for_each_record(
    const std::vector<std::string>& paths, const ReadOptions& options,
    const std::function<void(const Record&, const ReadAt&)>& take);

}  // namespace keyward::trail
