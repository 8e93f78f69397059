#include "keyward/audit/keeper.h"

#include "audit/keeper_state.h"
#include "audit/key_ring.h"
#include "audit/previous_run.h"
#include "audit/stream_file.h"

#include "keyward/base/log.h"
#include "keyward/base/thread_name.h"

#include <algorithm>
#include <sys/resource.h>

namespace keyward::audit {
namespace {

constexpr int kNice = 19;
constexpr std::size_t kMostWaiting = 1000;  // lines for a second place that is away

}  // namespace

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
