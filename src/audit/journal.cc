#include "keyward/audit/journal.h"

#include "audit/chain.h"
#include "audit/ocsf.h"
#include "audit/previous_run.h"
#include "audit/seal.h"
#include "audit/stream_file.h"
#include "audit/trail_files.h"

#include <algorithm>
#include <fmt/format.h>
#include <system_error>

namespace keyward::audit {
namespace {

constexpr std::size_t kKeepCapacity = std::size_t{1} << 20;
constexpr auto kNameCheckInterval = std::chrono::seconds(1);

// What is given up first when nothing can be written: records whose loss hides no change of data or
// rights.
bool may_be_shed(const Event& event) {
  switch (event.kind) {
    case Kind::login:
    case Kind::login_refused:
    case Kind::session_end:
    case Kind::denial:
      return true;
    case Kind::command:
      return !event.writes;
    default:
      return false;
  }
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
        writer(config.instance, config.stream, config.redis_label) {}

  JournalConfig config;
  const Clock& clock;
  OcsfWriter writer;
  Chain chain;
  WallTime last_time{};
  FileDescriptor lock;
  StreamFile file;

  std::string buffer;  // lines; the first `written` bytes are with the kernel
  std::size_t written = 0;
  std::uint64_t durable = 0;
  Counters counters;
  bool closed = false;

  struct Trouble {
    WallTime since{};
    std::uint64_t attempts = 0, shed = 0;
    int error = 0;
  };
  Trouble trouble;
  bool failing = false;
  MonoTime next_name_check{};

  Result<> start();
  std::uint64_t put(const Event& event, std::string_view extra);
  bool write_out();
  void fail(int error);
  void recover();
  [[nodiscard]] bool file_is_gone();
};

// Writes the start record as the first line of a new file.
Result<> Journal::State::start() {
  auto files = files_of(config);
  if (!files) return files.error();
  PreviousRun previous;
  std::uint64_t number = 1;
  if (!files->empty()) {
    auto run = read_previous_run(files->back());
    if (!run) return run.error();
    previous = *std::move(run);
    number = files->back().number + 1;
  }
  chain.resume(previous.sequence, previous.hash);
  last_time = WallTime(std::chrono::microseconds(previous.time_us));
  const std::string name = file_name(config.instance, config.stream, clock.wall(), number);
  Event event;
  event.kind = Kind::start;
  put(event, previous.claim(name));
  auto created = StreamFile::create(config.directory, name,
                                    config.instance + "." + config.stream + ".new", buffer);
  if (!created) return created.error();
  file = *std::move(created);
  buffer.clear();
  durable = chain.sequence();
  ++counters.flushes;
  return {};
}

std::uint64_t Journal::State::put(const Event& event, std::string_view extra) {
  const WallTime now = clock.wall();
  last_time = std::max(last_time, now);
  const std::size_t begin = buffer.size();
  writer.append(buffer, event, Place{chain.sequence() + 1, chain.last(), last_time, now}, extra);
  if (event.kind == Kind::stop) seal(buffer, begin);
  chain.add(std::string_view(buffer).substr(begin));
  buffer.push_back('\n');
  ++counters.records;
  counters.bytes += buffer.size() - begin;
  return chain.sequence();
}

// True when nothing is left to write. Every line ends in the only newline it has, so newlines count
// records.
bool Journal::State::write_out() {
  const std::string_view rest = std::string_view(buffer).substr(written);
  const auto done = file.write(rest);
  ++counters.flushes;
  if (done.error == 0) {
    durable = chain.sequence();
    buffer.clear();
    written = 0;
    if (buffer.capacity() > kKeepCapacity) std::string().swap(buffer);
    return true;
  }
  const std::string_view gone = rest.substr(0, done.bytes);
  durable += static_cast<std::uint64_t>(std::count(gone.begin(), gone.end(), '\n'));
  written += done.bytes;
  if (written > kKeepCapacity) {
    buffer.erase(0, written);
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
bool Journal::State::file_is_gone() {
  const MonoTime now = clock.mono();
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
  return state.put(event, {});
}

Receipt Journal::flush() {
  State& state = *state_;
  if (state.closed || !pending()) return receipt();
  if (state.file_is_gone()) {
    state.fail(ENOENT);
    state.next_name_check =
        {};  // until a restart: what is written there is lost, so nothing may count as written
    return receipt();
  }
  const bool was_failing = state.failing;
  if (state.write_out() && was_failing) state.recover();
  return receipt();
}

Receipt Journal::receipt() const { return make_receipt(state_->durable); }

bool Journal::healthy() const { return !state_->failing && !state_->closed; }

bool Journal::pending() const { return state_->written < state_->buffer.size(); }

void Journal::close(std::string_view reason) {
  State& state = *state_;
  if (state.closed) return;
  Event event;
  event.kind = Kind::stop;
  event.reason = reason;
  state.put(event, open_seal());
  flush();
  state.closed = true;
  state.file.sync();
  state.lock.reset();
}

Journal::Counters Journal::counters() const { return state_->counters; }

const std::string& Journal::path() const { return state_->file.path(); }

}  // namespace keyward::audit
