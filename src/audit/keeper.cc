#include "keyward/audit/keeper.h"

#include "audit/archive.h"
#include "audit/checkpoint.h"
#include "audit/head.h"
#include "audit/key_file.h"
#include "audit/key_ring.h"
#include "audit/patience.h"
#include "audit/previous_run.h"
#include "audit/stream_file.h"

#include "keyward/audit/line_head.h"
#include "keyward/audit/line_reader.h"
#include "keyward/base/log.h"
#include "keyward/base/thread_name.h"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <deque>
#include <limits>
#include <map>
#include <mutex>
#include <set>
#include <sys/resource.h>
#include <thread>

namespace keyward::audit {
namespace {

constexpr auto kNap = std::chrono::milliseconds(200);  // a rotation is noticed within it
constexpr int kNice = 19;
constexpr auto kHousekeeping = std::chrono::seconds(5);
constexpr auto kAfterTrouble = std::chrono::minutes(1);
constexpr std::size_t kMostWaiting = 1000;  // lines for a second place that is away

std::optional<Origin> origin_of(const TrailFile& file) {
  auto segment = Segment::open(file.path);
  if (!segment) return {};
  LineReader reader(*segment, std::min<std::uint64_t>(segment->size(), 2 * kLineLimit), {});
  const auto line = reader.next();
  const auto head = line ? parse_head(*line) : std::nullopt;
  if (!head) return {};
  Origin origin{file.number, head->sequence, kNoHash};
  std::copy(head->prev.begin(), head->prev.end(), origin.prev.begin());
  return origin;
}

}  // namespace

struct Keeper::State {
  State(KeeperConfig settings, const Clock& source) : config(std::move(settings)), clock(source) {}

  struct Stream {
    std::shared_ptr<const Head> head;  // null: nobody writes it in this run
    HeadState dormant;
    Origin from;
    std::uint64_t covered = 0;        // by a checkpoint that is written
    std::uint64_t before = 0;         // the record that the next checkpoint begins behind
    std::uint64_t signed_number = 0;  // the segment of that record
    bool was_open = true;
    [[nodiscard]] HeadState state() const { return head ? head->load() : dormant; }
  };
  struct Copy {
    std::unique_ptr<CheckpointSink> sink;
    std::deque<std::string> waiting;
    MonoTime not_before{};
    bool failing = false;
  };

  KeeperConfig config;
  const Clock& clock;
  std::string key_path, ring_path;
  std::optional<KeyFile> key;
  std::unique_ptr<Journal> journal;
  std::map<std::string, Stream, std::less<>> streams;
  std::vector<Copy> copies;
  MonoTime next_checkpoint{}, next_housekeeping{};
  std::set<std::string> seen_closed;
  std::map<std::string, MonoTime> not_before;  // segments that could not be compressed
  std::string unsent;                          // the newest line until it is with the kernel
  bool finished = false;

  std::mutex mutex;
  std::condition_variable wake;
  bool stopping = false;  // under the mutex, as the next
  std::string policy_version;
  std::thread thread;
  std::optional<Patience> patience;  // once the thread runs
  std::uint64_t interruptions = 0;   // of it, when it last looked
  bool hurried = false;              // what waits takes too much of the disk
  MonoTime next_look{};
  std::atomic<std::uint64_t> checkpoints{0}, failures{0}, compressed{0}, removed{0},
      stored_bytes{0}, waiting_bytes{0}, last_us{0};

  Result<> open();
  void adopt_streams(const std::vector<Stored>& all);
  void mind_key();
  [[nodiscard]] bool due(MonoTime now) const;
  [[nodiscard]] Checkpoint gather();
  bool sign();
  void send_copies();
  void pulse();
  void between();
  void rest(std::chrono::milliseconds pause);
  void look(const std::vector<Stored>& all);
  void housekeep(MonoTime now);
  bool compress_one(const std::vector<Stored>& all, MonoTime now);
  void remove_one(const std::vector<Stored>& all);
  void run();
};

Result<> Keeper::State::open() {
  key_path = config.key_file.empty() ? signing_key_file(config.directory, config.instance)
                                     : config.key_file;
  ring_path = key_ring_file(config.directory, config.instance);
  if (auto ready = prepare_directory(config.directory); !ready) return ready;
  auto obtained = obtain_key(key_path, ring_path, clock);
  if (!obtained) return obtained.error();
  key.emplace(*std::move(obtained));
  auto opened = Journal::open({.directory = config.directory,
                               .instance = config.instance,
                               .stream = std::string(kCheckpointStream),
                               .redis_label = {},
                               .rotate = config.rotate,
                               .signed_by = key->id},
                              clock);
  if (!opened) return opened.error();
  journal = *std::move(opened);
  streams[std::string(kCheckpointStream)].head = journal->head();
  auto all = stored_segments(config.directory, config.instance);
  if (!all) return all.error();
  adopt_streams(*all);
  return {};
}

// Streams of earlier runs, which nobody writes now, stay vouched for.
void Keeper::State::adopt_streams(const std::vector<Stored>& all) {
  for (std::size_t index = 0; index < all.size(); ++index) {
    const TrailFile& file = all[index].file;
    Stream& stream = streams[file.stream];
    if (index == 0 || all[index - 1].file.stream != file.stream) {
      if (const auto origin = file.number > 1 ? origin_of(file) : std::nullopt)
        stream.from = *origin;
    }
    if (all[index].closed || stream.head != nullptr) continue;
    const auto run = read_previous_run(file);
    if (!run) continue;  // verify says what is wrong with it
    stream.before = stream.dormant.sequence = run->sequence;
    stream.dormant.number = file.number;
    std::copy(run->hash.begin(), run->hash.end(), stream.dormant.hash.begin());
    stream.was_open = false;
  }
}

// The file was exchanged: its key signs from now on, if a known one signed it.
void Keeper::State::mind_key() {
  std::uint64_t inode = 0, changed_ns = 0;
  if (!stamp(key_path, inode, changed_ns)) return;  // the one in memory goes on
  if (inode == key->inode && changed_ns == key->changed_ns) return;
  key->inode = inode;
  key->changed_ns = changed_ns;
  const auto ring = KeyRing::load(ring_path);
  auto fresh = load_key(key_path);
  if (!fresh || !ring || !ring->find(fresh->id)) {
    spdlog::error("audit: {} was exchanged and cannot be used; checkpoints are signed by {}",
                  key_path, key->id);
    return;
  }
  if (fresh->id != key->id) spdlog::info("audit: checkpoints are signed by {} now", fresh->id);
  key.emplace(*std::move(fresh));
}

// Also when a stream went on in a new segment or was closed.
bool Keeper::State::due(MonoTime now) const {
  if (now >= next_checkpoint) return true;
  return std::any_of(streams.begin(), streams.end(), [](const auto& entry) {
    const auto& [name, stream] = entry;
    if (stream.head == nullptr || name == kCheckpointStream) return false;
    const HeadState state = stream.head->load();
    return state.number != stream.signed_number || (state.open != 0) != stream.was_open;
  });
}

Checkpoint Keeper::State::gather() {
  Checkpoint out;
  out.key = key->id;
  out.every_ms = static_cast<std::uint64_t>(config.every.count());
  out.mono_us = static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::microseconds>(clock.mono().time_since_epoch())
          .count());
  {
    const std::lock_guard held(mutex);
    out.policy_version = policy_version;
  }
  for (const auto& [name, stream] : streams) {
    const HeadState state = stream.state();
    if (state.sequence == 0) continue;
    StreamMark& mark = out.streams.emplace_back();
    mark.stream = name;
    mark.number = state.number;
    mark.first = std::min(stream.before + 1, state.sequence);
    mark.sequence = state.sequence;
    std::copy(state.hash.begin(), state.hash.end(), mark.hash.begin());
    mark.denied = state.denied;
    mark.lost = state.lost;
    mark.open = state.open != 0;
    mark.from = stream.from;
  }
  return out;
}

// True when a checkpoint of everything there is now is with the kernel.
bool Keeper::State::sign() {
  next_checkpoint = clock.mono() + config.every;
  // One that cannot be written yet stands for those that would follow it.
  if (!unsent.empty()) {
    static_cast<void>(journal->flush());
    if (journal->pending() || !journal->healthy()) {
      failures.fetch_add(1, std::memory_order_relaxed);
      return false;
    }
  }
  mind_key();
  const Checkpoint checkpoint = gather();
  Event event;
  event.kind = Kind::checkpoint;
  const std::uint64_t ticket =
      journal->append_signed(event, fields_of(checkpoint), [&](std::span<char> line) {
        sign_line(line, key->key);
        unsent.assign(line.data(), line.size());
      });
  if (!journal->flush().covers(ticket)) {
    failures.fetch_add(1, std::memory_order_relaxed);
    return false;
  }
  for (Copy& copy : copies) {
    copy.waiting.push_back(unsent);
    if (copy.waiting.size() > kMostWaiting) copy.waiting.pop_front();
  }
  unsent.clear();
  for (const StreamMark& mark : checkpoint.streams) {
    Stream& stream = streams.find(mark.stream)->second;
    stream.covered = stream.before = mark.sequence;
    stream.signed_number = mark.number;
    stream.was_open = mark.open;
  }
  checkpoints.fetch_add(1, std::memory_order_relaxed);
  last_us.store(static_cast<std::uint64_t>(clock.wall().time_since_epoch().count()),
                std::memory_order_relaxed);
  return true;
}

void Keeper::State::send_copies() {
  const MonoTime now = clock.mono();
  for (Copy& copy : copies) {
    while (!copy.waiting.empty() && now >= copy.not_before) {
      const auto put = copy.sink->put(copy.waiting.front());
      if (!put) {
        if (!std::exchange(copy.failing, true))
          spdlog::error("audit: checkpoints cannot be copied: {}", put.error().message());
        failures.fetch_add(1, std::memory_order_relaxed);
        copy.not_before = now + std::chrono::seconds(1);
        break;
      }
      if (std::exchange(copy.failing, false))
        spdlog::info("audit: checkpoints are copied to {} again", copy.sink->name());
      copy.waiting.pop_front();
    }
  }
}

void Keeper::State::pulse() {
  if (due(clock.mono())) static_cast<void>(sign());
  send_copies();
}

// After each piece of compressing and indexing: signing goes on, and others come first.
void Keeper::State::between() {
  pulse();
  if (!patience) return;
  if (clock.mono() >= next_look) {
    if (const auto all = stored_segments(config.directory, config.instance)) look(*all);
  }
  const std::uint64_t counted = interruptions_of_thread();
  const auto pause = patience->after(counted != interruptions);
  if (!hurried && pause.count() > 0) rest(pause);
  interruptions = interruptions_of_thread();
}

// Ends early when the keeper is to stop.
void Keeper::State::rest(std::chrono::milliseconds pause) {
  const auto end = std::chrono::steady_clock::now() + pause;
  for (auto now = end - pause; now < end; now = std::chrono::steady_clock::now()) {
    {
      std::unique_lock held(mutex);
      if (wake.wait_until(held, std::min(end, now + kNap), [this] { return stopping; })) return;
    }
    pulse();
  }
}

void Keeper::State::look(const std::vector<Stored>& all) {
  next_look = clock.mono() + kHousekeeping;
  std::uint64_t bytes = 0;
  for (const Stored& stored : all) bytes += stored.bytes;
  stored_bytes.store(bytes, std::memory_order_relaxed);
  waiting_bytes.store(config.compress ? backlog_of(all).bytes : 0, std::memory_order_relaxed);
  hurried = pressing(all, config.retention, free_bytes(config.directory), clock.wall());
}

void Keeper::State::housekeep(MonoTime now) {
  next_housekeeping = now + kHousekeeping;
  const auto all = stored_segments(config.directory, config.instance);
  if (!all) return spdlog::warn("{}", all.error().message());
  look(*all);
  if (!compress_one(*all, now)) remove_one(*all);
}

// True when it tried one.
bool Keeper::State::compress_one(const std::vector<Stored>& all, MonoTime now) {
  for (const Stored& stored : all) {
    if (!stored.closed) continue;
    if (config.on_closed && seen_closed.insert(stored.file.name).second) {
      config.on_closed(stored.file.path, [this] { between(); });
      pulse();
    }
    if (stored.file.compressed || !config.compress) continue;
    const auto later = not_before.find(stored.file.name);
    if (later != not_before.end() && now < later->second) continue;
    next_housekeeping = now;  // there may be another one
    const auto done = compress_segment(stored.file, [this] { between(); });
    if (done) {
      compressed.fetch_add(1, std::memory_order_relaxed);
    } else {
      spdlog::warn("{}", done.error().message());
      failures.fetch_add(1, std::memory_order_relaxed);
      not_before[stored.file.name] = now + kAfterTrouble;
    }
    return true;
  }
  return false;
}

// First it is signed where the stream begins from now on, then the segment goes.
void Keeper::State::remove_one(const std::vector<Stored>& all) {
  if (config.retention.age.count() == 0 && config.retention.size == 0) return;
  std::map<std::size_t, Origin> origins;
  const auto may_go = [&](std::size_t index) {
    const std::string& name = all[index].file.stream;
    const auto origin = origin_of(all[index + 1].file);
    const auto stream = streams.find(name);
    if (!origin || stream == streams.end()) return false;
    origins[index] = *origin;
    const std::uint64_t needed =
        config.hold ? config.hold(name) : std::numeric_limits<std::uint64_t>::max();
    return origin->sequence - 1 <= stream->second.covered && origin->sequence <= needed;
  };
  const auto index = next_to_remove(all, config.retention, clock.wall(), may_go);
  if (!index) return;
  const Stored& oldest = all[*index];
  Stream& stream = streams.find(oldest.file.stream)->second;
  stream.from = origins[*index];
  next_housekeeping = clock.mono();
  if (!sign()) return;
  if (const auto gone = remove_segment(oldest.file); !gone) {
    failures.fetch_add(1, std::memory_order_relaxed);
    next_housekeeping += kAfterTrouble;
    return spdlog::warn("{}", gone.error().message());
  }
  seen_closed.erase(oldest.file.name);
  not_before.erase(oldest.file.name);
  removed.fetch_add(1, std::memory_order_relaxed);
  spdlog::info("audit: {} was removed, as audit.retention asks", oldest.file.name);
}

void Keeper::State::run() {
  for (;;) {
    {
      std::unique_lock held(mutex);
      if (wake.wait_for(held, kNap, [this] { return stopping; })) return;
    }
    pulse();
    if (journal->outlived()) static_cast<void>(journal->flush());
    if (const MonoTime now = clock.mono(); now >= next_housekeeping) housekeep(now);
  }
}

Result<std::unique_ptr<Keeper>> Keeper::open(KeeperConfig config, const Clock& clock) {
  auto state = std::make_unique<State>(std::move(config), clock);
  if (auto opened = state->open(); !opened) return opened.error();
  return std::unique_ptr<Keeper>(new Keeper(std::move(state)));
}

Keeper::Keeper(std::unique_ptr<State> state) : state_(std::move(state)) {}

Keeper::~Keeper() { finish(); }

void Keeper::watch(std::string stream, std::shared_ptr<const Head> head) {
  State::Stream& watched = state_->streams[std::move(stream)];
  watched.head = std::move(head);
  watched.was_open = true;
}

void Keeper::copy_to(std::unique_ptr<CheckpointSink> sink) {
  state_->copies.emplace_back().sink = std::move(sink);
}

const std::string& Keeper::key_id() const { return state_->key->id; }

void Keeper::start() {
  state_->pulse();
  state_->thread = std::thread([this] {
    name_thread("keeper");
    // Of this thread alone: setpriority(2), "C library/kernel differences".
    (void)::setpriority(PRIO_PROCESS, 0, kNice);
    state_->patience.emplace();
    state_->run();
  });
}

void Keeper::finish() {
  State& state = *state_;
  if (std::exchange(state.finished, true)) return;
  {
    const std::lock_guard held(state.mutex);
    state.stopping = true;
  }
  state.wake.notify_one();
  if (state.thread.joinable()) state.thread.join();
  static_cast<void>(state.sign());
  for (State::Copy& copy : state.copies) copy.not_before = {};
  state.send_copies();
  state.journal->close("stopped");
}

void Keeper::set_policy_version(std::string version) {
  const std::lock_guard held(state_->mutex);
  state_->policy_version = std::move(version);
}

Keeper::Counters Keeper::counters() const {
  const State& state = *state_;
  Counters out;
  out.checkpoints = state.checkpoints.load(std::memory_order_relaxed);
  out.failures = state.failures.load(std::memory_order_relaxed);
  out.compressed = state.compressed.load(std::memory_order_relaxed);
  out.removed = state.removed.load(std::memory_order_relaxed);
  out.stored_bytes = state.stored_bytes.load(std::memory_order_relaxed);
  out.waiting_bytes = state.waiting_bytes.load(std::memory_order_relaxed);
  out.last_us = state.last_us.load(std::memory_order_relaxed);
  return out;
}

void Keeper::step() {
  state_->pulse();
  if (state_->journal->outlived()) static_cast<void>(state_->journal->flush());
  state_->housekeep(state_->clock.mono());
}

}  // namespace keyward::audit
