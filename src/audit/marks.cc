#include "audit/marks.h"

#include "audit/copied_line.h"
#include "audit/parallel.h"

#include "keyward/audit/line_head.h"
#include "keyward/audit/line_reader.h"

#include <algorithm>
#include <fstream>
#include <optional>

namespace keyward::audit {
namespace {

// Each checkpoint's chain covers all before it, so most signatures need no check of their own: only
// every so many, and a segment's last.
constexpr std::uint64_t kCheckEvery = 256;

// What a forwarder says of itself is no record of the trail.
constexpr std::string_view kForwardGap = "forward_gap";

// What one segment of checkpoints holds.
struct Gathered {
  InstanceMarks marks;
  std::optional<std::size_t> first_key, last_key;  // places in the ring
};

void complain(InstanceMarks& marks, std::string_view problem, const std::string& file,
              std::uint64_t line, std::uint64_t sequence) {
  if (!marks.problem.empty()) return;
  marks.problem = problem;
  marks.file = file;
  marks.line = line;
  marks.sequence = sequence;
}

struct Signed {
  std::string line, key;
  std::uint64_t number = 0, sequence = 0;
};

void check_signature(const Signed& what, const KeyRing& ring, const std::string& file,
                     InstanceMarks& marks) {
  const auto place = ring.find(what.key);
  if (!place) return complain(marks, "unknown key", file, what.number, what.sequence);
  if (!signature_holds(what.line, ring.at(*place)))
    complain(marks, "altered", file, what.number, what.sequence);
}

Gathered gather_segment(const TrailFile& file, const KeyRing& ring) {
  Gathered out;
  auto segment = Segment::open(file.path);
  if (!segment) return out;  // the walk of the stream says so
  LineReader reader(*segment, segment->size(), {});
  Signed last;
  std::uint64_t number = 0;
  while (const auto line = reader.next()) {
    ++number;
    const auto head = parse_head(*line);
    if (!head || head->kind != "checkpoint") continue;
    const auto checkpoint = parse_checkpoint(*line);
    if (!checkpoint) {
      complain(out.marks, "altered", file.name, number, head->sequence);
      continue;
    }
    out.marks.take(*checkpoint);
    if (checkpoint->key != last.key) {
      const auto place = ring.find(checkpoint->key);
      // The new key signs no more once another one follows it.
      if (!place || (out.last_key && *place < *out.last_key))
        complain(out.marks, "unknown key", file.name, number, head->sequence);
      if (!out.first_key) out.first_key = place;
      out.last_key = place;
    }
    last.line.assign(*line);
    last.key = checkpoint->key;
    last.number = number;
    last.sequence = head->sequence;
    if (out.marks.checkpoints % kCheckEvery == 0) check_signature(last, ring, file.name, out.marks);
  }
  if (last.number > 0) check_signature(last, ring, file.name, out.marks);
  return out;
}

}  // namespace

void Marks::add(const StreamMark& mark) {
  if (mark.from.number > 1) origins_.try_emplace(mark.from.number, mark.from);
  add(Mark{mark.sequence, mark.hash});
}

void Marks::join(Marks&& later) {
  origins_.merge(later.origins_);
  if (marks_.empty()) {
    marks_ = std::move(later.marks_);
  } else {
    for (const Mark& mark : later.marks_) add(mark);
  }
}

void Marks::add(const Mark& mark) {
  if (!marks_.empty() && marks_.back().sequence == mark.sequence && marks_.back().hash == mark.hash)
    return;
  if (marks_.size() >= kMostMarks) {
    std::size_t kept = 0;
    for (std::size_t at = 1; at < marks_.size(); at += 2) marks_[kept++] = marks_[at];
    marks_.resize(kept);
  }
  marks_.push_back(mark);
}

void Marks::finish() {
  std::stable_sort(marks_.begin(), marks_.end(),
                   [](const Mark& a, const Mark& b) { return a.sequence < b.sequence; });
}

const Origin* Marks::origin(std::uint64_t number) const {
  static const Origin kBeginning;
  if (number == 1) return &kBeginning;
  const auto found = origins_.find(number);
  return found == origins_.end() ? nullptr : &found->second;
}

void InstanceMarks::take(const Checkpoint& checkpoint) {
  ++checkpoints;
  every_ms = checkpoint.every_ms;
  for (const StreamMark& mark : checkpoint.streams) streams[mark.stream].add(mark);
}

InstanceMarks gather_marks(const std::vector<TrailFile>& segments, const Result<KeyRing>& ring,
                           std::string_view ring_file, std::string_view trusted, unsigned threads) {
  InstanceMarks all;
  if (segments.empty()) return all;
  if (!ring) {
    complain(all, "unknown key", std::string(ring_file), 0, 0);
    return all;
  }
  std::vector<Gathered> parts(segments.size());
  in_parallel(segments.size(), threads,
              [&](std::size_t index) { parts[index] = gather_segment(segments[index], *ring); });
  std::optional<std::size_t> key;
  for (std::size_t index = 0; index < parts.size(); ++index) {
    Gathered& part = parts[index];
    if (!part.marks.problem.empty())
      complain(all, part.marks.problem, part.marks.file, part.marks.line, part.marks.sequence);
    if (key && part.first_key && *part.first_key < *key)
      complain(all, "unknown key", segments[index].name, 1, 0);
    if (part.last_key) key = part.last_key;
    if (part.marks.checkpoints == 0) continue;
    all.checkpoints += part.marks.checkpoints;
    all.every_ms = part.marks.every_ms;
    for (auto& [stream, marks] : part.marks.streams) all.streams[stream].join(std::move(marks));
  }
  for (auto& [stream, marks] : all.streams) marks.finish();
  if (trusted.empty()) return all;
  const auto pinned = ring->find(trusted);
  if (!pinned || (key && *key < *pinned)) complain(all, "unknown key", segments.back().name, 0, 0);
  return all;
}

Result<CopyReport> gather_copy(const std::string& path, std::string_view instance,
                               const KeyRing& ring, InstanceMarks& marks) {
  CopyReport report;
  report.path = path;
  auto segment = Segment::open(path);
  if (!segment) return segment.error();
  LineReader reader(*segment, segment->size(), {});
  std::uint64_t number = 0;
  const auto bad = [&](const char* problem) {
    if (!report.problem.empty()) return;
    report.problem = problem;
    report.line = number;
  };
  StreamMark own;
  own.stream = kCheckpointStream;
  const auto take = [&](std::string_view line) {
    const auto head = parse_head(line);
    // A forwarder sends what else is in that stream as well.
    if (head && (head->kind == "start" || head->kind == "segment" || head->kind == "stop")) return;
    const auto checkpoint = head ? parse_checkpoint(line) : std::nullopt;
    if (!checkpoint) return bad("altered");
    if (checkpoint->instance != instance) return;
    const auto place = ring.find(checkpoint->key);
    if (!place) return bad("unknown key");
    if (!signature_holds(line, ring.at(*place))) return bad("altered");
    marks.take(*checkpoint);
    ++report.checkpoints;
    own.sequence = head->sequence;
    own.hash = hash_of(line);
    marks.streams[own.stream].add(own);
  };
  while (const auto stored = reader.next()) {
    ++number;
    if (stored->empty() || stored->find(kForwardGap) != std::string_view::npos) continue;
    const auto lines = copied_lines(*stored);
    if (lines.empty()) bad("altered");
    for (const std::string& line : lines) take(line);
  }
  for (auto& [stream, list] : marks.streams) list.finish();
  return report;
}

}  // namespace keyward::audit
