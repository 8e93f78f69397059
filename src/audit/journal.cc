#include "keyward/audit/journal.h"

#include "audit/journal_state.h"
#include "audit/seal.h"
#include "audit/subject_json.h"

#include "keyward/audit/json_text.h"
#include "keyward/audit/line_head.h"
#include "keyward/audit/trail_files.h"

#include <algorithm>
#include <fmt/format.h>
#include <system_error>
#include <utility>

namespace keyward::audit {
namespace {

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

}  // namespace

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
