// What becomes of closed segments, beside the signing.
#include "audit/keeper_state.h"

#include "keyward/audit/line_head.h"
#include "keyward/audit/line_reader.h"
#include "keyward/base/log.h"

#include <algorithm>
#include <limits>

namespace keyward::audit {
namespace {

constexpr auto kHousekeeping = std::chrono::seconds(5);
constexpr auto kAfterTrouble = std::chrono::minutes(1);

}  // namespace

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
  stored_bytes.store(bytes_of(all), std::memory_order_relaxed);
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

}  // namespace keyward::audit
