// Where a stream's segments begin and end.
#include "audit/journal_state.h"
#include "audit/seal.h"

#include "keyward/audit/json_text.h"
#include "keyward/audit/trail_files.h"

#include <algorithm>
#include <atomic>
#include <vector>

namespace keyward::audit {
namespace {

// The files of one stream; the newest is the last.
Result<std::vector<TrailFile>> files_of(const JournalConfig& config) {
  auto files = list_trail(config.directory);
  if (!files) return files.error();
  std::erase_if(*files, [&](const TrailFile& file) {
    return file.instance != config.instance || file.stream != config.stream;
  });
  return files;
}

}  // namespace

std::uint64_t new_chapter() {
  static std::atomic<std::uint64_t> last{0};
  return last.fetch_add(1, std::memory_order_relaxed) + 1;
}

Result<> Journal::State::start() {
  auto files = files_of(config);
  if (!files) return files.error();
  PreviousRun previous;
  if (!files->empty()) {
    auto run = read_previous_run(files->back());
    if (!run) return run.error();
    previous = *std::move(run);
    number = files->back().number;
  }
  chain.resume(previous.sequence, previous.hash);
  place.time.set(previous.time_us);
  return enter_segment(previous, Kind::start);
}

// Makes the next segment with its first record; when that cannot be, nothing has changed.
Result<> Journal::State::enter_segment(const PreviousRun& previous, Kind kind) {
  const Chain before = chain;
  const Counters counted = counters;
  const std::string name = file_name(config.instance, config.stream, clock.wall(), number + 1);
  Event event;
  event.kind = kind;
  std::string extra = previous.claim(name);
  if (kind == Kind::start && !config.signed_by.empty()) {
    append_filled(extra, 2 * kTextLimit * kGrowth,
                  [&](char* at) { return put_text(at, "signed_by", config.signed_by); });
  }
  put(event, extra);
  auto created = StreamFile::create(config.directory, name,
                                    config.instance + "." + config.stream + ".new", buffer.view());
  const std::uint64_t size = buffer.size();
  buffer.clear(kKeepCapacity);
  clock_read = false;
  if (!created) {
    chain = before;
    counters = counted;
    return created.error();
  }
  file = *std::move(created);
  if (syncer) syncer->enter(file.descriptor());
  ++number;
  file_size = size;
  file_first = durable = chain.sequence();
  opened = clock.mono();
  ++counters.flushes;
  publish();
  return {};
}

// A segment that holds nothing but its first record is kept, however old.
bool Journal::State::outlived(MonoTime now) const {
  if (chain.sequence() == file_first) return false;
  if (config.rotate.size > 0 && file_size >= config.rotate.size) return true;
  return config.rotate.every.count() > 0 && now - opened >= config.rotate.every;
}

// Everything is with the kernel. While no new segment can be made, the old one goes on.
void Journal::State::rotate(MonoTime now) {
  if (now < next_rotation_try) return;
  PreviousRun previous;
  previous.file = file.path().substr(file.path().rfind('/') + 1);
  previous.sequence = chain.sequence();
  chain.last().copy(previous.hash.data(), previous.hash.size());
  previous.rotated = true;
  if (!enter_segment(previous, Kind::segment)) {
    ++counters.failures;
    next_rotation_try = now + kNameCheckInterval;
    return;
  }
  ++counters.rotations;
  chapter = new_chapter();
  chapter_ends = counters.bytes + kChapterSize;
}

// Looked up once a second: a removed file swallows records without an error.
bool Journal::State::file_is_gone(MonoTime now) {
  if (now < next_name_check) return false;
  next_name_check = now + kNameCheckInterval;
  return !file.still_named();
}

}  // namespace keyward::audit
