#include "keyward/audit/journal.h"

#include "audit/chain.h"
#include "audit/data_record.h"
#include "audit/head.h"
#include "audit/line_buffer.h"
#include "audit/ocsf.h"
#include "audit/place.h"
#include "audit/previous_run.h"
#include "audit/seal.h"
#include "audit/stream_file.h"
#include "audit/subject_json.h"
#include "audit/syncer.h"

#include "keyward/audit/json_text.h"
#include "keyward/audit/line_head.h"
#include "keyward/audit/trail_files.h"

#include <algorithm>
#include <atomic>
#include <fcntl.h>
#include <fmt/format.h>
#include <span>
#include <system_error>
#include <utility>

namespace keyward::audit {
namespace {

constexpr std::size_t kKeepCapacity = std::size_t{4} << 20;
// A session that is still at work says again who it is after so much: a reader of a record need not
// look further back.
constexpr std::uint64_t kChapterSize = std::uint64_t{64} << 20;
constexpr auto kNameCheckInterval = std::chrono::seconds(1);

// What is given up first when nothing can be written: records whose loss hides no change of data or
// rights.
bool may_be_shed(const Event& event) {
  if (event.subject != nullptr && event.subject->durability == Durability::async) return true;
  switch (event.kind) {
    case Kind::login:
    case Kind::login_refused:
    case Kind::session_end:
    case Kind::denial:
      return true;
    case Kind::command:
      return event.request == nullptr || !event.request->writes;
    default:
      return false;
  }
}

// No two journals of the process share a chapter.
std::uint64_t new_chapter() {
  static std::atomic<std::uint64_t> last{0};
  return last.fetch_add(1, std::memory_order_relaxed) + 1;
}

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

struct Journal::State {
  State(JournalConfig settings, const Clock& source)
      : config(std::move(settings)),
        clock(source),
        writer(config.instance, config.stream, config.redis_label),
        data(config.instance, config.stream, config.redis_label) {}

  JournalConfig config;
  const Clock& clock;
  OcsfWriter writer;
  DataRecords data;
  Chain chain;
  std::uint64_t chapter = new_chapter(), chapter_ends = kChapterSize;  // in bytes of this file
  Subject nobody;
  RecordPlace place;        // of the next record, but for its hash
  bool clock_read = false;  // since the last flush
  Descriptor lock;
  StreamFile file;
  std::uint64_t number = 0;      // of the segment
  std::uint64_t file_size = 0;   // with what waits for it
  std::uint64_t file_first = 0;  // sequence of its first record
  MonoTime opened{};
  MonoTime next_rotation_try{};

  LineBuffer buffer;  // the first `written` bytes are with the kernel
  std::size_t written = 0;
  std::uint64_t durable = 0;
  Counters counters;
  bool closed = false;
  std::shared_ptr<Head> head = std::make_shared<Head>();

  struct Trouble {
    WallTime since{};
    std::uint64_t attempts = 0, shed = 0;
    int error = 0;
  };
  Trouble trouble;
  bool failing = false;

  std::unique_ptr<Syncer> syncer;  // once a record asked for it
  std::function<void()> on_synced;
  std::uint64_t sync_wanted = 0;  // the last record that asked for it
  std::uint64_t sync_requested = 0;
  std::optional<MonoTime> sync_since;  // since when something is waited for
  bool sync_late = false;
  MonoTime next_name_check{};

  Result<> start();
  [[nodiscard]] const RecordPlace& next_place();
  void added(const char* begin, const char* end);
  using Sign = std::function<void(std::span<char> line)>;
  std::uint64_t put(const Event& event, std::string_view extra, const Sign& sign = {});
  std::uint64_t put_data(const Event& event);
  const Opening& opening_of(const Subject& subject, std::uint32_t db);
  bool write_out();
  void fail(int error);
  void recover();
  void publish();
  void request_sync(MonoTime now);
  void mind_sync(MonoTime now);
  Result<> enter_segment(const PreviousRun& previous, Kind kind);
  [[nodiscard]] bool outlived(MonoTime now) const;
  void rotate(MonoTime now);
  [[nodiscard]] bool file_is_gone(MonoTime now);
};

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

void Journal::State::publish() {
  HeadState state;
  state.sequence = durable;
  state.number = number;
  state.denied = counters.denied;
  state.lost = counters.shed;
  state.open = closed ? 0 : 1;
  chain.last().copy(state.hash.data(), state.hash.size());
  head->store(state);
}

// Of everything that was written, when somebody waits for a part of it.
void Journal::State::request_sync(MonoTime now) {
  if (std::min(sync_wanted, durable) <= sync_requested) return;
  if (!syncer) {
    const Descriptor folder(::open(config.directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    syncer = std::make_unique<Syncer>(folder.number(), on_synced);
    syncer->enter(file.descriptor());
  }
  sync_requested = durable;
  syncer->request(durable);
  if (!sync_since) sync_since = now;
}

// Tells a disk that takes too long from one that does not. The record that says so waits for
// nothing.
void Journal::State::mind_sync(MonoTime now) {
  if (sync_wanted == 0) return;
  request_sync(now);
  if (!syncer) return;
  if (syncer->synced() >= sync_requested) {
    sync_since.reset();
  } else if (!sync_late && now - *sync_since >= config.sync_limit) {
    sync_late = true;
    ++counters.late_syncs;
  }
  if (!sync_late || sync_since || syncer->error() != 0) return;
  sync_late = false;
  Event event;
  event.kind = Kind::gap;
  event.reason = "the trail could not be brought to the disk in time; no record was lost";
  put(event, R"(,"lost":0)");
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

// The clock is read once between two flushes, which is once a turn of the loop.
const RecordPlace& Journal::State::next_place() {
  if (!std::exchange(clock_read, true)) {
    place.clock.set(microseconds(clock.wall()));
    if (place.clock.number() > place.time.number()) place.time = place.clock;
  }
  const std::uint64_t sequence = chain.sequence() + 1;
  if (sequence == place.sequence.number() + 1) {
    place.sequence.increment();
  } else {
    place.sequence.set(sequence);
  }
  place.prev = chain.last();
  return place;
}

void Journal::State::added(const char* begin, const char* end) {
  buffer.commit(end);
  ++counters.records;
  const auto size = static_cast<std::uint64_t>(end - begin);
  counters.bytes += size;
  file_size += size;
}

std::uint64_t Journal::State::put(const Event& event, std::string_view extra, const Sign& sign) {
  char* const begin = buffer.room(kLineLimit + 1);
  char* end = writer.write(begin, event, next_place(), extra);
  const std::span<char> line(begin, end);
  if (event.kind == Kind::stop) seal(line);
  if (sign) sign(line);
  chain.add({line.data(), line.size()});
  *end++ = '\n';
  added(begin, end);
  return chain.sequence();
}

std::uint64_t Journal::State::put_data(const Event& event) {
  const Opening& opening = opening_of(event.subject == nullptr ? nobody : *event.subject, event.db);
  char* const begin = buffer.room(kLineLimit + 1);
  char* end = data.write(begin, event, next_place(), opening);
  const std::string_view line(begin, static_cast<std::size_t>(end - begin));
  went_well(event) ? chain.add(line, opening) : chain.add(line);
  *end++ = '\n';
  added(begin, end);
  return chain.sequence();
}

// Who has an identity is introduced by a `session` record first, once in each chapter.
const Opening& Journal::State::opening_of(const Subject& subject, std::uint32_t db) {
  if (counters.bytes >= chapter_ends) {
    chapter = new_chapter();
    chapter_ends = counters.bytes + kChapterSize;
  }
  const bool introduced = subject.opening != nullptr && subject.opening->chapter == chapter;
  if (introduced && subject.opening->db == db) return *subject.opening;
  if (!introduced && !subject.principal.empty()) {
    Event session;
    session.kind = Kind::session;
    session.subject = &subject;
    put(session, {});
  }
  subject.opening = std::make_shared<const Opening>(data.open(subject, db, chapter));
  return *subject.opening;
}

// True when nothing is left to write. Every line ends in the only newline it has, so newlines count
// records.
bool Journal::State::write_out() {
  const std::string_view rest = buffer.view().substr(written);
  const auto done = file.write(rest);
  ++counters.flushes;
  if (done.error == 0) {
    durable = chain.sequence();
    buffer.clear(kKeepCapacity);
    written = 0;
    publish();
    return true;
  }
  const std::string_view gone = rest.substr(0, done.bytes);
  durable += static_cast<std::uint64_t>(std::count(gone.begin(), gone.end(), '\n'));
  written += done.bytes;
  if (written > kKeepCapacity) {
    buffer.erase_front(written);
    written = 0;
  }
  fail(done.error);
  return false;
}

void Journal::State::fail(int error) {
  if (!failing) trouble = Trouble{clock.wall(), 0, 0, 0};
  failing = true;
  trouble.error = error;
  ++trouble.attempts;
  ++counters.failures;
}

void Journal::State::recover() {
  failing = false;
  const std::string detail = fmt::format(
      "since_us={} attempts={} shed={} error={}", trouble.since.time_since_epoch().count(),
      trouble.attempts, trouble.shed, std::generic_category().message(trouble.error));
  Event event;
  event.kind = Kind::gap;
  event.reason = trouble.shed == 0 ? "the trail could not be written; no record was lost"
                                   : "the trail could not be written; records were shed";
  event.detail = detail;
  put(event, fmt::format(",\"lost\":{}", trouble.shed));
  write_out();
}

// Looked up once a second: a removed file swallows records without an error.
bool Journal::State::file_is_gone(MonoTime now) {
  if (now < next_name_check) return false;
  next_name_check = now + kNameCheckInterval;
  return !file.still_named();
}

Result<std::unique_ptr<Journal>> Journal::open(JournalConfig config, const Clock& clock) {
  if (!valid_instance(config.instance) || !valid_stream(config.stream)) {
    return Error(
        Errc::invalid,
        "audit instance and stream names are letters, digits, '_' and '-' (instance also '.')");
  }
  if (auto ready = prepare_directory(config.directory); !ready) return ready.error();
  auto lock = lock_stream(config.directory, config.instance, config.stream);
  if (!lock) return lock.error();
  auto state = std::make_unique<State>(std::move(config), clock);
  state->lock = *std::move(lock);
  if (auto started = state->start(); !started) return started.error();
  return std::unique_ptr<Journal>(new Journal(std::move(state)));
}

Journal::Journal(std::unique_ptr<State> state) : state_(std::move(state)) {}

Journal::~Journal() { close("end of the process"); }

std::uint64_t Journal::append(const Event& event) {
  State& state = *state_;
  if (state.closed) return kNever;
  if (state.failing && state.buffer.size() - state.written > kBufferLimit && may_be_shed(event)) {
    ++state.trouble.shed;
    ++state.counters.shed;
    return 0;
  }
  if (event.kind == Kind::denial)
    state.counters.denied += std::max<std::uint64_t>(event.repeated, 1);
  const std::uint64_t ticket =
      about_data(event.kind) ? state.put_data(event) : state.put(event, {});
  if (event.subject != nullptr && event.subject->durability >= Durability::synced)
    state.sync_wanted = ticket;
  return ticket;
}

std::uint64_t Journal::append_signed(const Event& event, std::string_view extra,
                                     const std::function<void(std::span<char> line)>& sign) {
  return state_->closed ? kNever : state_->put(event, extra, sign);
}

Receipt Journal::flush() {
  State& state = *state_;
  if (state.closed) return receipt();
  const MonoTime now = state.clock.mono();
  if (pending()) {
    if (state.file_is_gone(now)) {
      state.fail(ENOENT);
      state.next_name_check =
          {};  // until a restart: what is written there is lost, so nothing may count as written
    } else {
      const bool was_failing = state.failing;
      if (state.write_out() && was_failing) state.recover();
    }
  }
  state.mind_sync(now);
  state.clock_read = false;
  if (!state.failing && !pending() && state.outlived(now)) state.rotate(now);
  return receipt();
}

Receipt Journal::receipt(Durability level) const {
  const State& state = *state_;
  if (level == Durability::async) return make_receipt(kNever - 1);
  if (level == Durability::written) return make_receipt(state.durable);
  // What was there before anything asked for a sync was covered by the first one that did.
  return make_receipt(state.syncer ? std::min(state.syncer->synced(), state.durable) : 0);
}

bool Journal::healthy() const {
  const State& state = *state_;
  return !state.failing && !state.closed && !state.sync_late &&
         (!state.syncer || state.syncer->error() == 0);
}

bool Journal::ready(Durability level) const {
  if (level == Durability::async) return true;
  return level == Durability::written ? !state_->failing && !state_->closed : healthy();
}

void Journal::request_sync() {
  State& state = *state_;
  state.sync_wanted = std::max(state.sync_wanted, state.durable);
  if (!state.closed) state.request_sync(state.clock.mono());
}

void Journal::on_synced(std::function<void()> done) { state_->on_synced = std::move(done); }

bool Journal::pending() const { return state_->written < state_->buffer.size(); }

bool Journal::outlived() const {
  const State& state = *state_;
  return !state.closed && !state.failing && state.outlived(state.clock.mono());
}

bool Journal::syncing() const { return state_->sync_since.has_value(); }

std::shared_ptr<const Head> Journal::head() const { return state_->head; }

void Journal::close(std::string_view reason) {
  State& state = *state_;
  if (state.closed) return;
  Event event;
  event.kind = Kind::stop;
  event.reason = reason;
  state.config.rotate = {0, std::chrono::milliseconds(0)};  // the stop record is the last
  state.put(event, open_seal());
  flush();
  state.closed = true;
  if (!state.failing) state.publish();
  state.syncer.reset();
  state.file.sync();
  state.lock.reset();
}

Journal::Counters Journal::counters() const { return state_->counters; }

const std::string& Journal::path() const { return state_->file.path(); }

}  // namespace keyward::audit
