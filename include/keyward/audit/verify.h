// Walks a trail offline on all cores and names the first bad place of every stream.
#pragma once

#include "keyward/base/result.h"

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace keyward::audit {

struct StreamReport {
  std::string instance, stream;
  std::uint64_t records = 0, files = 0,
                crashes = 0;  // crashes: runs that ended without a stop record
  bool running = false;       // the newest file has no stop record: still written to, or crashed
  bool whole = true;
  // Empty when whole, else one of
  //   altered             a record, or what a segment's first record says, is not what was written;
  //                       the line named or the one after it
  //   gap                 records are missing before the line named
  //   repeated            the line named belongs further up: copied or moved
  //   swapped             the line named stands before one that belongs before it
  //   truncated           the file named ends before what follows or was signed
  //   forked              the file named continues a place that another one continued, or the
  //                       record named is not the one that was signed
  //   missing file        a segment is missing before the one named, or the stream altogether
  //   missing checkpoint  the stream says that checkpoints are signed, and they are not there or
  //   end
  //                       long before it
  //   unknown key         the checkpoint named is signed by no key that is known
  //   unreadable          the file named could not be read
  std::string problem;
  std::string file;  // of the first bad place
  std::uint64_t line = 0, sequence = 0;
  std::uint64_t torn_bytes = 0;  // of an unfinished line at the end of the newest file
  std::uint64_t first = 0;       // the first record that is kept; 1 unless retention removed some
  std::uint64_t last = 0;        // the last one
  std::uint64_t signed_to = 0;   // the last one that a checkpoint covers
};

// Of a file with copies of checkpoints.
struct CopyReport {
  std::string path;
  std::uint64_t checkpoints = 0;
  std::string problem;  // empty, "altered" or "unknown key"
  std::uint64_t line = 0;
};

struct VerifyReport {
  std::vector<StreamReport> streams;
  std::vector<CopyReport> copies;
  std::uint64_t bytes = 0;  // of text that was read
  [[nodiscard]] bool whole() const;
};

struct VerifyOptions {
  // Called now and then with bytes done and in all, by one thread at a time.
  std::function<void(std::uint64_t, std::uint64_t)> progress{};
  // Files with copies of checkpoints: the trail has to hold what they say.
  std::vector<std::string> against{};
  // A public key (PEM) that is known from elsewhere; the newest checkpoint has to be signed by it
  // or by one that it led to. Empty: the keys beside the trail are believed.
  std::string trusted_key{};
  unsigned threads = 0;  // 0 = one per core
};

// Errors: directory unreadable or without a trail, an option's file unreadable.
[[nodiscard]] Result<VerifyReport> verify(const std::string& directory,
                                          const VerifyOptions& options = {});

}  // namespace keyward::audit
