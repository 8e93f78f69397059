#include "forward/forwarder.h"

#include "forward/backoff.h"

#include "keyward/base/hash.h"
#include "keyward/base/log.h"

#include <algorithm>
#include <limits>

namespace keyward::forward {
namespace {

using namespace std::chrono_literals;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr auto kPoll = 250ms;      // how often a quiet trail is looked at
constexpr auto kLastPoll = 50ms;   // the same while it ends
constexpr auto kQuietEnd = 400ms;  // longer than a feed may take to see a new file
constexpr auto kStoreEvery = 1s;   // a kill repeats at most what was received since
constexpr auto kLagEvery = 2s;
constexpr auto kWordEvery = 1min;  // log lines about the same trouble
// So many refused records without one that is taken: something is wrong with all of them, and the
// rest is passed over slowly only.
constexpr std::size_t kMostRefusedInRow = 100;

std::uint64_t now_us(const Clock& clock) {
  return static_cast<std::uint64_t>(clock.wall().time_since_epoch().count());
}

}  // namespace

Forwarder::Forwarder(ForwarderConfig config, std::string directory, std::string instance,
                     std::unique_ptr<Receiver> receiver, const Clock& clock)
    : config_(std::move(config)),
      directory_(std::move(directory)),
      instance_(std::move(instance)),
      path_(position_file(directory_, instance_, config_.name)),
      receiver_(std::move(receiver)),
      clock_(clock),
      refused_file_(directory_ + "/" + instance_ + "." + config_.name + ".refused.jsonl"),
      feed_(directory_, instance_, config_.only),
      limit_(config_.batch_records),
      random_(static_cast<unsigned>(steady_clock::now().time_since_epoch().count())) {
  status_.name = config_.name;
  status_.kind = name(config_.kind);
  status_.destination = config_.destination();
  go_on();
}

Forwarder::~Forwarder() {
  {
    const std::lock_guard held(mutex_);
    stop_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
}

// Where the last run ended.
void Forwarder::go_on() {
  position_.instance = instance_;
  position_.forwarder = config_.name;
  auto found = load_position(path_);
  if (found && found->instance == instance_ && found->forwarder == config_.name) {
    position_ = *std::move(found);
    for (const auto& [stream, place] : position_.streams) {
      feed_.go_on_behind(stream, place);
      if (config_.ecs) ecs_.go_on_behind(directory_, instance_, stream, place);
    }
  } else if (found || found.error().code() != Errc::not_found) {
    spdlog::error(
        "forward: {}: {}; it begins with the oldest record, the receiver may get some twice",
        config_.name, found ? "its position file is another one's" : found.error().message());
  }
  position_.destination = status_.destination;
}

void Forwarder::start() {
  thread_ = std::thread([this] { run(); });
}

void Forwarder::finish() {
  {
    const std::lock_guard held(mutex_);
    finishing_ = true;
  }
  wake_.notify_all();
}

void Forwarder::wait_for_end(MonoTime until) {
  std::unique_lock held(mutex_);
  wake_.wait_until(held, until, [this] { return ended_ || !thread_.joinable(); });
}

std::uint64_t Forwarder::hold(std::string_view stream) const {
  constexpr auto kNobody = std::numeric_limits<std::uint64_t>::max();
  if (!config_.only.empty() && stream != config_.only) return kNobody;
  const std::lock_guard held(mutex_);
  if (!waited_for_) return kNobody;
  const auto place = position_.streams.find(std::string(stream));
  return place == position_.streams.end() ? 0 : place->second.sequence + 1;
}

ForwarderStatus Forwarder::status() const {
  const std::lock_guard held(mutex_);
  return status_;
}

// A stop ends it; finishing makes it short.
void Forwarder::nap(milliseconds time) {
  std::unique_lock held(mutex_);
  wake_.wait_for(held, time, [this] { return stop_ || finishing_; });
  if (finishing_)
    wake_.wait_for(held, std::min<milliseconds>(time, kLastPoll), [this] { return stop_.load(); });
}

bool Forwarder::finishing() const {
  const std::lock_guard held(mutex_);
  return finishing_;
}

void Forwarder::run() {
  MonoTime quiet_since = steady_clock::now();
  while (!stop_) {
    const bool last = finishing();
    if (fill()) quiet_since = steady_clock::now();
    if (!batch_.empty() && (last || ready_to_send())) {
      send();
    } else {
      if (last && batch_.empty() && steady_clock::now() - quiet_since > kQuietEnd) break;
      if (batch_.empty() || !ready_to_send())
        nap(std::min<milliseconds>(kPoll, config_.batch_time));
    }
    store(false);
    look_at_lag();
  }
  store(true);
  const std::lock_guard held(mutex_);
  ended_ = true;
  wake_.notify_all();
}

// Reads on. False: there is nothing new.
bool Forwarder::feed() {
  const auto took = feed_.take(config_.batch_bytes, fed_);
  if (!took && steady_clock::now() >= next_word_) {
    next_word_ = steady_clock::now() + kWordEvery;
    spdlog::warn("forward: {}: {}", config_.name, took.error().message());
  }
  return took && *took;
}

// Moves records into the batch as long as it has room. True when it got some.
bool Forwarder::fill() {
  const auto full = [this] {
    return batch_bytes_ >= config_.batch_bytes || batch_.size() >= config_.batch_records;
  };
  bool some = false;
  while (!full() && (!fed_.empty() || feed())) {
    some = true;
    audit::FedRecord record = std::move(fed_.front());
    fed_.pop_front();
    if (batch_.empty()) batch_since_ = steady_clock::now();
    if (!record.broken.empty()) {
      spdlog::error("forward: {}: stream {}, in front of record {}: {} ({} records)", config_.name,
                    record.stream, record.sequence, record.broken, record.missed);
      batch_.push_back(gap_item({instance_, record.stream, config_.name, record.broken,
                                 record.sequence, record.missed, now_us(clock_)}));
      batch_bytes_ += batch_.back().bytes();
      const std::lock_guard held(mutex_);
      status_.lost += record.missed;
    }
    std::string shaped = config_.ecs ? ecs_.shape(record) : std::string();
    batch_.push_back(make_item(std::move(record), instance_));
    batch_.back().shaped = std::move(shaped);
    batch_bytes_ += batch_.back().bytes();
  }
  return some;
}

bool Forwarder::ready_to_send() const {
  return batch_bytes_ >= config_.batch_bytes || batch_.size() >= config_.batch_records ||
         steady_clock::now() - batch_since_ >= config_.batch_time;
}

void Forwarder::send() {
  const std::size_t offered = std::min(limit_, batch_.size());
  const Answer answer = receiver_->deliver(Items(batch_).first(offered), [this] {
    look_at_lag();
    return !stop_;
  });
  if (stop_ && answer.verdict != Answer::Verdict::settled) return;
  {
    const std::lock_guard held(mutex_);
    if (answer.verdict == Answer::Verdict::later && status_.up)
      spdlog::warn("forward: {} ({}): {}; tried again", config_.name, status_.destination,
                   answer.why);
    if (answer.verdict != Answer::Verdict::later && !status_.up)
      spdlog::info("forward: {} ({}) takes records again", config_.name, status_.destination);
    status_.up = answer.verdict != Answer::Verdict::later;
    if (answer.verdict != Answer::Verdict::settled || answer.done < offered) ++status_.retries;
  }
  switch (answer.verdict) {
    case Answer::Verdict::settled:
      settle(answer, offered);
      break;
    case Answer::Verdict::unfit:
      if (offered > 1) {
        limit_ = offered / 2;
      } else {
        pass_over(batch_.front(), answer.why);
        accept(1);
      }
      break;
    case Answer::Verdict::later:
      wait_before_retry(answer);
  }
  if (refused_in_row_ > kMostRefusedInRow) nap(config_.most_wait);
}

void Forwarder::settle(const Answer& answer, std::size_t offered) {
  std::size_t refused = 0;
  for (const Refused& one : answer.refused) {
    if (one.index >= answer.done) break;
    pass_over(batch_[one.index], one.why);
    ++refused;
  }
  if (answer.rejected > 0) {
    const std::string why = std::to_string(answer.rejected) + " of " + std::to_string(answer.done) +
                            " records from this one on were refused: " + answer.why;
    static_cast<void>(refused_file_.add(batch_.front().uid, why, {}));
    spdlog::error("forward: {}: {}: {}", config_.name, batch_.front().uid, why);
    const std::lock_guard held(mutex_);
    status_.refused += answer.rejected;
  }
  if (refused < answer.done) refused_in_row_ = 0;
  accept(answer.done);
  if (answer.done < offered) return wait_before_retry(answer);
  attempt_ = 0;
  limit_ = std::min(config_.batch_records, limit_ * 2);
}

// The receiver will never take it: said, kept beside the trail, and no reason to hold up the rest.
void Forwarder::pass_over(const Item& item, const std::string& why) {
  ++refused_in_row_;
  const auto kept = refused_file_.add(item.uid, why, item.line);
  std::uint64_t count = 0;
  {
    const std::lock_guard held(mutex_);
    count = ++status_.refused;
  }
  if (const MonoTime now = steady_clock::now(); now >= next_word_) {
    next_word_ = now + kWordEvery;
    spdlog::error("forward: {}: record {} is refused for good ({}); {} so far{}", config_.name,
                  item.uid, why, count, kept ? "" : "; " + kept.error().message());
  }
}

// The first ones are with the receiver.
void Forwarder::accept(std::size_t count) {
  std::map<std::string, const Item*> newest;
  std::size_t bytes = 0, room = 0, records = 0;
  for (std::size_t at = 0; at < count; ++at) {
    room += batch_[at].bytes();
    bytes += batch_[at].line.size();
    if (!batch_[at].in_trail) continue;
    ++records;
    newest[batch_[at].stream] = &batch_[at];
  }
  {
    const std::lock_guard held(mutex_);
    for (const auto& [stream, item] : newest) {
      audit::Place place = item->place;
      place.hash = hex(sha256(item->line));
      position_.streams[stream] = std::move(place);
    }
    status_.records += records;
    status_.bytes += bytes;
  }
  unstored_ = unstored_ || records > 0;
  batch_.erase(batch_.begin(), batch_.begin() + static_cast<std::ptrdiff_t>(count));
  batch_bytes_ -= room;
}

void Forwarder::wait_before_retry(const Answer& answer) {
  milliseconds wait = backoff(attempt_++, config_.first_wait, config_.most_wait,
                              static_cast<std::uint32_t>(random_()));
  if (answer.wait) wait = std::max(wait, *answer.wait);
  const MonoTime end = steady_clock::now() + wait;
  do {
    store(false);
    look_at_lag();
    nap(std::min<milliseconds>(kPoll, std::chrono::ceil<milliseconds>(end - steady_clock::now())));
  } while (!stop_ && !finishing() && steady_clock::now() < end);
}

void Forwarder::store(bool now) {
  if (!unstored_ || (!now && steady_clock::now() < next_store_)) return;
  next_store_ = steady_clock::now() + kStoreEvery;
  Position position;
  {
    const std::lock_guard held(mutex_);
    position_.updated_us = now_us(clock_);
    position = position_;
  }
  const auto saved = save_position(path_, position);
  unstored_ = !saved;
  if (!saved && steady_clock::now() >= next_word_) {
    next_word_ = steady_clock::now() + kWordEvery;
    spdlog::error("forward: {}: {}", config_.name, saved.error().message());
  }
}

// How far behind it is, and whether retention still waits.
void Forwarder::look_at_lag() {
  if (steady_clock::now() < next_lag_) return;
  next_lag_ = steady_clock::now() + kLagEvery;
  const auto there = audit::extents(directory_, instance_);
  if (!there) return;
  const std::lock_guard held(mutex_);
  std::uint64_t records = 0, bytes = 0;
  for (const auto& [stream, extent] : *there) {
    if (!config_.only.empty() && stream != config_.only) continue;
    const auto found = position_.streams.find(stream);
    const audit::Place place = found == position_.streams.end() ? audit::Place{} : found->second;
    if (extent.newest <= place.sequence) continue;
    records += extent.newest - place.sequence;
    for (const auto& [number, size] : extent.files) bytes += number >= place.segment ? size : 0;
  }
  status_.lag_records = records;
  const std::uint64_t oldest = batch_.empty() ? 0 : batch_.front().time_us, now = now_us(clock_);
  status_.lag_seconds =
      oldest == 0 || records == 0 || now < oldest ? 0 : static_cast<double>(now - oldest) / 1e6;
  const bool waits = status_.lag_seconds <= static_cast<double>(config_.hold_age.count()) &&
                     bytes <= config_.hold_bytes && config_.hold_age.count() > 0;
  if (waits != waited_for_) {
    waited_for_ = waits;
    if (waits)
      spdlog::info("forward: retention waits for {} again", config_.name);
    else
      spdlog::error("forward: {} is {} records behind; retention waits for it no longer",
                    config_.name, records);
  }
}

}  // namespace keyward::forward
