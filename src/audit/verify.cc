#include "keyward/audit/verify.h"

#include "audit/key_ring.h"
#include "audit/marks.h"
#include "audit/parallel.h"
#include "audit/segment_check.h"
#include "audit/walk.h"

#include <algorithm>
#include <map>
#include <mutex>
#include <optional>
#include <set>

namespace keyward::audit {
namespace {

constexpr std::uint64_t kLeastLagUs = 60'000'000;  // of checkpoints behind the records they cover

struct Stream {
  StreamReport report;
  std::vector<Listed> files;
  std::vector<SegmentFacts> facts;
  bool says_signed = false;
  std::uint64_t time_us = 0;  // of its last record
};

struct Instance {
  Result<KeyRing> ring = KeyRing();
  std::string ring_file;
  InstanceMarks marks;
};

using Instances = std::map<std::string, Instance, std::less<>>;

std::vector<TrailFile> checkpoints_of(const std::vector<TrailFile>& files,
                                      std::string_view instance) {
  std::vector<TrailFile> out;
  std::copy_if(files.begin(), files.end(), std::back_inserter(out), [&](const TrailFile& file) {
    return file.instance == instance && file.stream == kCheckpointStream;
  });
  return out;
}

// Checkpoints are read before anything that they speak of is listed: what is written meanwhile is
// newer than they are.
Result<Instances> read_marks(const std::string& directory, const std::vector<TrailFile>& files,
                             const VerifyOptions& options, VerifyReport& report) {
  std::string trusted;
  if (!options.trusted_key.empty()) {
    const auto key = PublicKey::load(options.trusted_key);
    if (!key) return key.error();
    trusted = key->id();
  }
  Instances instances;
  for (const TrailFile& file : files) {
    auto [at, fresh] = instances.try_emplace(file.instance);
    if (!fresh) continue;
    Instance& instance = at->second;
    instance.ring_file = key_ring_file(directory, file.instance);
    instance.ring = KeyRing::load(instance.ring_file);
    instance.marks = gather_marks(checkpoints_of(files, file.instance), instance.ring,
                                  file.instance + ".keys", trusted, options.threads);
    if (!instance.ring) continue;
    for (const std::string& path : options.against) {
      auto copy = gather_copy(path, file.instance, *instance.ring, instance.marks);
      if (!copy) return copy.error();
      report.copies.push_back(*std::move(copy));
    }
  }
  return instances;
}

std::vector<Stream> group(std::vector<TrailFile> files) {
  std::vector<Stream> streams;
  for (TrailFile& file : files) {
    const auto segment = Segment::open(file.path);
    if (streams.empty() || streams.back().report.instance != file.instance ||
        streams.back().report.stream != file.stream) {
      Stream& stream = streams.emplace_back();
      stream.report.instance = file.instance;
      stream.report.stream = file.stream;
      stream.report.first = 1;
    }
    streams.back().files.push_back({std::move(file), segment ? segment->size() : 0});
  }
  for (Stream& stream : streams) stream.facts.resize(stream.files.size());
  return streams;
}

const Marks* marks_of(const Instances& instances, const StreamReport& stream) {
  const auto instance = instances.find(stream.instance);
  if (instance == instances.end()) return nullptr;
  const auto marks = instance->second.marks.streams.find(stream.stream);
  return marks == instance->second.marks.streams.end() ? nullptr : &marks->second;
}

// Every segment of every stream, on all cores.
void check_segments(std::vector<Stream>& streams, const Instances& instances,
                    const VerifyOptions& options, std::uint64_t total) {
  std::vector<std::pair<Stream*, std::size_t>> jobs;
  for (Stream& stream : streams) {
    for (std::size_t index = 0; index < stream.files.size(); ++index)
      jobs.emplace_back(&stream, index);
  }
  std::mutex mutex;
  std::uint64_t done = 0;
  const auto progress = [&](std::uint64_t bytes) {
    if (!options.progress) return;
    const std::lock_guard held(mutex);
    done += bytes;
    options.progress(std::min(done, total), total);
  };
  in_parallel(jobs.size(), options.threads, [&](std::size_t job) {
    const auto [stream, index] = jobs[job];
    stream->facts[index] =
        check_segment(stream->files[index], marks_of(instances, stream->report), progress);
  });
  if (options.progress) options.progress(total, total);
}

// True when the segment is whole and follows `before`; false says nothing yet.
bool fits(const Stream& stream, std::size_t index, const Standing& before) {
  const SegmentFacts& facts = stream.facts[index];
  const TrailFile& file = stream.files[index].file;
  if (!facts.sound || facts.prev != before.hash || facts.first != before.sequence + 1) return false;
  if (index > 0 && file.number != stream.files[index - 1].file.number + 1) return false;
  // What is said to be torn lies in the segment before, and was read as part of it.
  return claim_holds(*facts.claim, file, before) &&
         (index == 0 || facts.claim->previous.torn_bytes == 0 || !stream.facts[index - 1].sound);
}

// Where the stream begins: at its beginning, or where it was signed to begin. False: nowhere.
bool begin(Stream& stream, const Marks* marks, Standing& standing) {
  const std::uint64_t number = stream.files.front().file.number;
  const Origin* origin = marks != nullptr ? marks->origin(number) : nullptr;
  if (origin == nullptr) return number == 1;
  standing.sequence = origin->sequence - 1;
  standing.hash = origin->prev;
  stream.report.first = origin->sequence;
  return true;
}

// Holds the segments against each other. One that does not fit is walked record by record, which
// says what is wrong, or that nothing is: a line that a crash cut, the end of an open stream.
void stitch(Stream& stream, const Marks* marks) {
  Standing standing;
  const bool begins = begin(stream, marks, standing);
  for (std::size_t index = 0; index < stream.files.size(); ++index) {
    const SegmentFacts& facts = stream.facts[index];
    std::optional<StartClaim> claim = facts.claim;
    if (!claim) claim = claim_of(stream.files[index].file);
    stream.says_signed = stream.says_signed || (claim && !claim->signed_by.empty());
    stream.time_us = std::max(stream.time_us, facts.time_us);
    if (!stream.report.whole) continue;
    if (begins && fits(stream, index, standing)) {
      const PreviousRun& previous = facts.claim->previous;
      if (!previous.file.empty() && !previous.stopped && !previous.rotated) ++stream.report.crashes;
      stream.report.records += facts.lines;
      ++stream.report.files;
      standing = facts.last;
      continue;
    }
    Walk walk(stream.report, stream.files, standing, marks);
    walk.check_file(index);
    standing = walk.standing();
  }
  if (stream.report.whole) Walk(stream.report, stream.files, standing, marks).judge_end(standing);
}

void blame(StreamReport& report, std::string_view problem, std::string file) {
  if (!report.whole) return;
  report.whole = false;
  report.problem = problem;
  report.file = std::move(file);
}

// What only checkpoints tell: that they, or whole streams, are not there.
void hold_against_marks(std::vector<Stream>& streams, const Instances& instances) {
  std::set<std::pair<std::string, std::string>> there;
  std::map<std::string, std::uint64_t, std::less<>> signing_until;  // by instance
  for (const Stream& stream : streams) {
    if (stream.report.stream == kCheckpointStream)
      signing_until[stream.report.instance] = stream.time_us;
  }
  for (Stream& stream : streams) {
    StreamReport& report = stream.report;
    there.emplace(report.instance, report.stream);
    const Instance& instance = instances.find(report.instance)->second;
    const InstanceMarks& marks = instance.marks;
    if (const Marks* own = marks_of(instances, report)) report.signed_to = own->newest();
    const std::uint64_t lag = std::max(kLeastLagUs, 6000 * marks.every_ms);
    const auto until = signing_until.find(report.instance);
    // What is signed to its end lacks nothing, whatever the clock said: times of records never go
    // back, those of checkpoints may.
    const bool missing = report.signed_to < report.last &&
                         (until == signing_until.end() || stream.time_us > until->second + lag);
    if (stream.says_signed && missing && report.stream != kCheckpointStream)
      blame(report, "missing checkpoint", stream.files.back().file.name);
    if (report.stream == kCheckpointStream && !marks.problem.empty()) {
      blame(report, marks.problem, marks.file);
      if (report.file != marks.file || report.problem != marks.problem) continue;
      report.line = marks.line;
      report.sequence = marks.sequence;
    }
  }
  for (const auto& [name, instance] : instances) {
    for (const auto& [stream, marks] : instance.marks.streams) {
      if (there.contains({name, stream}) || marks.newest() == 0) continue;
      Stream& missing = streams.emplace_back();
      missing.report.instance = name;
      missing.report.stream = stream;
      missing.report.signed_to = marks.newest();
      blame(missing.report, "missing file", name + "." + stream);
    }
  }
}

}  // namespace

bool VerifyReport::whole() const {
  return std::all_of(streams.begin(), streams.end(),
                     [](const StreamReport& stream) { return stream.whole; }) &&
         std::all_of(copies.begin(), copies.end(),
                     [](const CopyReport& copy) { return copy.problem.empty(); });
}

Result<VerifyReport> verify(const std::string& directory, const VerifyOptions& options) {
  auto files = list_trail(directory);
  if (!files) return files.error();
  if (files->empty()) return Error(Errc::not_found, "no audit trail in " + directory);
  VerifyReport report;
  const auto instances = read_marks(directory, *files, options, report);
  if (!instances) return instances.error();
  files = list_trail(directory);
  if (!files) return files.error();
  std::vector<Stream> streams = group(*std::move(files));
  for (const Stream& stream : streams) {
    for (const Listed& listed : stream.files) report.bytes += listed.size;
  }
  check_segments(streams, *instances, options, report.bytes);
  in_parallel(streams.size(), options.threads, [&](std::size_t index) {
    stitch(streams[index], marks_of(*instances, streams[index].report));
  });
  hold_against_marks(streams, *instances);
  for (Stream& stream : streams) report.streams.push_back(std::move(stream.report));
  return report;
}

}  // namespace keyward::audit
