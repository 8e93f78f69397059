// What signed checkpoints say of the streams of an instance, gathered for verify.
#pragma once

#include "audit/checkpoint.h"
#include "audit/key_ring.h"

#include "keyward/audit/trail_files.h"
#include "keyward/audit/verify.h"

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace keyward::audit {

struct Mark {
  std::uint64_t sequence = 0;
  HexDigest hash = kNoHash;
};

// Of one stream, in the order of sequence. Bounded: of more than kMostMarks every other one is
// forgotten, the newest never; the chain vouches for what lies between.
class Marks {
 public:
  static constexpr std::size_t kMostMarks = std::size_t{1} << 19;

  void add(const StreamMark& mark);
  void join(Marks&& later);
  void finish();  // after the last add()
  [[nodiscard]] const std::vector<Mark>& all() const { return marks_; }
  [[nodiscard]] std::uint64_t newest() const { return marks_.empty() ? 0 : marks_.back().sequence; }
  // Where a stream may begin with the segment of that number; null: nowhere.
  [[nodiscard]] const Origin* origin(std::uint64_t number) const;

 private:
  void add(const Mark& mark);

  std::vector<Mark> marks_;
  std::map<std::uint64_t, Origin> origins_;
};

struct InstanceMarks {
  std::map<std::string, Marks, std::less<>> streams;
  std::uint64_t checkpoints = 0;
  std::uint64_t every_ms = 0;
  // What is wrong with the signatures: problem empty = nothing.
  std::string problem, file;
  std::uint64_t line = 0, sequence = 0;

  void take(const Checkpoint& checkpoint);
};

// Reads the checkpoints of one instance. `trusted`: the id of a key that the newest one has to be
// signed by, or by one that it led to; empty = the ring is trusted as it is.
[[nodiscard]] InstanceMarks gather_marks(const std::vector<TrailFile>& segments,
                                         const Result<KeyRing>& ring, std::string_view ring_file,
                                         std::string_view trusted, unsigned threads);

// Adds what a copy in another place holds.
[[nodiscard]] Result<CopyReport> gather_copy(const std::string& path, std::string_view instance,
                                             const KeyRing& ring, InstanceMarks& marks);

}  // namespace keyward::audit
