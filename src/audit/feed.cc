#include "keyward/audit/feed.h"

#include "audit/previous_run.h"

#include "keyward/audit/line_head.h"
#include "keyward/audit/segment.h"
#include "keyward/audit/trail_files.h"
#include "keyward/base/hash.h"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <optional>

namespace keyward::audit {
namespace {

using std::chrono::steady_clock;

constexpr auto kListEvery = std::chrono::milliseconds(250);
constexpr std::size_t kLeastChunk = std::size_t{64} << 10;
constexpr std::string_view kElsewhere = "the trail does not go on where it was read before";
constexpr std::string_view kRemoved = "records were removed before they could be forwarded";
constexpr std::string_view kHole = "records are missing in the trail";

struct Stream {
  std::string name;
  std::vector<TrailFile> files{};  // of the newest listing
  Place at{};                      // behind the last record that was taken
  std::optional<Segment> open{};
  bool anew = true;      // nothing was read in this run yet
  bool trusted = false;  // the next record has to name at.hash
  std::string broken{};  // said with the next record
};

// The bytes behind the place, up to `most`; as far as the file goes.
Result<std::string> read_chunk(Stream& stream, std::size_t most) {
  std::string bytes(most, '\0');
  std::size_t filled = 0;
  while (filled < most) {
    const ssize_t count =
        stream.open->read(bytes.data() + filled, most - filled, stream.at.offset + filled);
    if (count < 0)
      return Error(Errc::io, "audit stream " + stream.name + ": a file cannot be read");
    if (count == 0) break;
    filled += static_cast<std::size_t>(count);
  }
  bytes.resize(filled);
  return bytes;
}

std::string hash_text(std::string_view line) { return hex(sha256(line)); }

const TrailFile* file_numbered(const Stream& stream, std::uint64_t number) {
  const auto found = std::find_if(stream.files.begin(), stream.files.end(),
                                  [&](const TrailFile& file) { return file.number >= number; });
  return found == stream.files.end() ? nullptr : &*found;
}

Result<> open_file(Stream& stream, const TrailFile& file, std::uint64_t offset) {
  auto segment = Segment::open(file.path);
  if (!segment) return segment.error();
  stream.open.emplace(*std::move(segment));
  stream.at.segment = file.number;
  stream.at.offset = offset;
  return {};
}

// From the beginning of the file that is open, without a claim to what was before.
void start_over(Stream& stream) {
  stream.at.offset = 0;
  stream.at.sequence = 0;
  stream.trusted = false;
  stream.broken = kElsewhere;
}

// The file to read first in this run.
Result<bool> open_first(Stream& stream) {
  const TrailFile* file = file_numbered(stream, stream.at.segment);
  if (file == nullptr && !stream.files.empty()) {  // all are older than the place
    file = &stream.files.front();
    stream.at.sequence = 0;
    stream.broken = kElsewhere;
  }
  if (file == nullptr) return false;
  const bool same = file->number == stream.at.segment && stream.broken.empty();
  if (auto opened = open_file(stream, *file, same ? stream.at.offset : 0); !opened)
    return opened.error();
  stream.trusted = same && stream.at.sequence > 0;
  if (stream.at.offset > stream.open->size()) start_over(stream);
  return true;
}

// Whether the record fits behind the last one; what does not fit is said with it.
bool fits(Stream& stream, const LineHead& head, FedRecord& record) {
  const std::uint64_t expected = stream.at.sequence + 1;
  const bool next = head.sequence == expected;
  if (stream.trusted && (!next || head.prev != stream.at.hash)) {
    if (stream.anew && stream.at.offset > 0) return false;
    record.broken = kElsewhere;
  }
  if (stream.at.sequence > 0 && head.sequence > expected) {
    record.missed = head.sequence - expected;
    record.broken = stream.anew ? kRemoved : kHole;
  } else if (stream.at.sequence > 0 && head.sequence < expected) {
    record.broken = kElsewhere;
  }
  if (!stream.broken.empty()) record.broken = std::exchange(stream.broken, {});
  return true;
}

// Takes the whole lines of the chunk; false when the place does not lead anywhere.
bool split(Stream& stream, std::string_view chunk, std::deque<FedRecord>& into) {
  std::string_view last;
  for (std::size_t end = chunk.find('\n'); end != std::string_view::npos; end = chunk.find('\n')) {
    const std::string_view line = chunk.substr(0, end);
    chunk.remove_prefix(end + 1);
    const auto head = parse_head(line);
    if (!head) {
      if (stream.anew && stream.trusted && stream.at.offset > 0) return false;
      stream.at.offset += end + 1;  // the next record's number tells what is missing
      stream.trusted = false;
      continue;
    }
    FedRecord record;
    if (!fits(stream, *head, record)) return false;
    stream.at.offset += end + 1;
    stream.at.sequence = head->sequence;
    stream.anew = stream.trusted = false;
    record.stream = stream.name;
    record.line = line;
    record.kind = head->kind;
    record.sequence = head->sequence;
    record.time_us = head->time_us;
    record.segment = stream.at.segment;
    record.end = stream.at.offset;
    into.push_back(std::move(record));
    last = line;
  }
  if (!last.empty()) {
    stream.at.hash = hash_text(last);
    stream.trusted = true;
  }
  return true;
}

// True when it took something or went on to another file: there may be more.
Result<bool> advance(Stream& stream, std::size_t most, std::deque<FedRecord>& into) {
  if (!stream.open) {
    const auto opened = open_first(stream);
    if (!opened || !*opened) return opened;
  }
  auto chunk = read_chunk(stream, most);
  if (!chunk) return chunk.error();
  if (chunk->find('\n') == std::string::npos && chunk->size() == most && most <= kLineLimit) {
    chunk = read_chunk(stream, kLineLimit + 1);
    if (!chunk) return chunk.error();
  }
  const std::size_t before = into.size();
  if (!split(stream, *chunk, into)) {
    start_over(stream);
    return true;
  }
  if (into.size() > before) return true;
  if (chunk->size() > kLineLimit && chunk->find('\n') == std::string::npos) {
    stream.at.offset += chunk->size();  // no record is that long: step over the damage
    stream.trusted = false;
    return true;
  }
  // The file was closed when the listing was made and has nothing more since.
  const TrailFile* next = file_numbered(stream, stream.at.segment + 1);
  if (next == nullptr) return false;
  if (auto opened = open_file(stream, *next, 0); !opened) return opened.error();
  return true;
}

}  // namespace

Place FedRecord::place() const { return {segment, end, sequence, hash_text(line)}; }

struct Feed::State {
  std::string directory, instance, only;
  std::vector<Stream> streams{};
  std::size_t turn = 0;  // who comes first
  steady_clock::time_point listed{};

  Stream& stream(const std::string& name) {
    const auto found = std::find_if(streams.begin(), streams.end(),
                                    [&](const Stream& one) { return one.name == name; });
    if (found != streams.end()) return *found;
    return streams.emplace_back(Stream{.name = name});
  }
  Result<> list();
};

Result<> Feed::State::list() {
  const auto now = steady_clock::now();
  if (now - listed < kListEvery) return {};
  auto files = list_trail(directory);
  if (!files) return files.error();
  listed = now;
  for (Stream& one : streams) one.files.clear();
  for (TrailFile& file : *files) {
    if (file.instance != instance || (!only.empty() && file.stream != only)) continue;
    Stream& owner = stream(file.stream);
    owner.files.push_back(std::move(file));
  }
  return {};
}

Feed::Feed(std::string directory, std::string instance, std::string only)
    : state_(new State{std::move(directory), std::move(instance), std::move(only)}) {}
Feed::~Feed() = default;
Feed::Feed(Feed&&) noexcept = default;
Feed& Feed::operator=(Feed&&) noexcept = default;

void Feed::go_on_behind(const std::string& stream, Place place) {
  state_->stream(stream).at = std::move(place);
}

Result<bool> Feed::take(std::size_t bytes, std::deque<FedRecord>& into) {
  if (auto listed = state_->list(); !listed) return listed.error();
  auto& streams = state_->streams;
  if (streams.empty()) return false;
  const std::size_t share = std::max(kLeastChunk, bytes / streams.size());
  const std::size_t first = into.size();
  const auto taken = [&] {
    std::size_t sum = 0;
    for (std::size_t at = first; at < into.size(); ++at) sum += into[at].line.size();
    return sum;
  };
  ++state_->turn;
  bool more = true;
  while (more && taken() < bytes) {
    more = false;
    for (std::size_t at = 0; at < streams.size() && taken() < bytes; ++at) {
      Stream& stream = streams[(state_->turn + at) % streams.size()];
      const auto moved = advance(stream, std::min(share, bytes), into);
      if (!moved && into.size() == first) return moved.error();
      more |= moved && *moved;
    }
  }
  return into.size() > first;
}

Result<std::map<std::string, StreamExtent>> extents(const std::string& directory,
                                                    const std::string& instance) {
  const auto files = list_trail(directory);
  if (!files) return files.error();
  std::map<std::string, StreamExtent> out;
  for (std::size_t index = 0; index < files->size(); ++index) {
    const TrailFile& file = (*files)[index];
    if (file.instance != instance) continue;
    StreamExtent& extent = out[file.stream];
    std::error_code ignored;
    const auto size = std::filesystem::file_size(file.path, ignored);
    extent.files.emplace_back(file.number, ignored ? 0 : size);
    const bool newest = index + 1 == files->size() || (*files)[index + 1].stream != file.stream ||
                        (*files)[index + 1].instance != file.instance;
    if (!newest) continue;
    if (const auto run = read_previous_run(file)) {
      extent.newest = run->sequence;
      extent.newest_us = run->time_us;
    }
  }
  return out;
}

}  // namespace keyward::audit
