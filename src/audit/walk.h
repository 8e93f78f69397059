// A segment walked record by record to the first bad place: what it is and where. Takes up after
// any record that is known to be right.
#pragma once

#include "audit/chain.h"
#include "audit/marks.h"
#include "audit/previous_run.h"

#include "keyward/audit/line_reader.h"
#include "keyward/audit/segment.h"
#include "keyward/audit/trail_files.h"
#include "keyward/audit/verify.h"

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace keyward::audit {

struct Spot {
  std::string file;
  std::uint64_t line = 0, sequence = 0;
};

// Behind a record.
struct Standing {
  HexDigest hash = kNoHash;
  std::uint64_t sequence = 0;
  std::string kind, line;
  Spot spot;  // file empty = before the first record
};

// A segment with as much of it as there was when the trail was listed.
struct Listed {
  TrailFile file;
  std::uint64_t size = 0;
};

// What the first record of a segment says; nullopt when it says nothing.
[[nodiscard]] std::optional<StartClaim> claim_of(const TrailFile& file);

[[nodiscard]] inline bool begins_segment(std::string_view kind) {
  return kind == "start" || kind == "segment";
}

// True when what the first record of `file` says of the one before is so.
[[nodiscard]] bool claim_holds(const StartClaim& claim, const TrailFile& file,
                               const Standing& before);

class Walk {
 public:
  // `standing`: behind the segment that comes before the one to check.
  Walk(StreamReport& report, const std::vector<Listed>& files, Standing standing,
       const Marks* marks)
      : report_(report), files_(files), last_(std::move(standing)), marks_(marks) {}

  // Counts it in the report, or says there what is wrong.
  void check_file(std::size_t index);
  // The end of the stream: its last record, and whether more was signed.
  void judge_end(const Standing& last);
  [[nodiscard]] const Standing& standing() const { return last_; }

 private:
  void fail(std::string_view problem, const Spot& spot);
  bool enter(std::size_t index);
  void check_lines(LineReader& reader, const TrailFile& file);
  void explain(std::string_view line, std::uint64_t sequence, std::string_view prev,
               std::string_view kind, LineReader& reader);
  [[nodiscard]] bool torn_as_claimed(Segment& segment, std::uint64_t begin, std::uint64_t end,
                                     const HexDigest& hash);
  [[nodiscard]] bool linked_if_it_says(std::string_view rest) const;
  [[nodiscard]] bool may_become_next(std::string_view rest) const;

  StreamReport& report_;
  const std::vector<Listed>& files_;
  Standing last_;
  const Marks* marks_;  // null: nothing is signed
  Spot here_;
};

}  // namespace keyward::audit
