#include "trigger/flow.h"

#include <algorithm>
#include <utility>

namespace keyward::trigger {
namespace {

using std::chrono::milliseconds;

// A rate may be exceeded by what a tenth of a second holds.
double most_tokens(std::uint32_t rate) { return std::max(1.0, rate / 10.0); }

}  // namespace

Flow::Flow(const Rule& rule, std::uint64_t seed)
    : concurrency_(rule.concurrency),
      rate_(rule.rate),
      retry_(rule.retry),
      breaker_(rule.breaker),
      random_(seed),
      tokens_(most_tokens(rule.rate)) {}

std::size_t Flow::room() const {
  const std::size_t most = 2 * concurrency_;
  return held_.size() >= most ? 0 : most - held_.size();
}

bool Flow::take(Event event, MonoTime now, bool again) {
  const EntryId id = event.id;
  return held_.try_emplace(id, Held{std::move(event), State::waiting, 0, again, now}).second;
}

bool Flow::take_dead(EntryId id) {
  Event event;
  event.id = id;
  return held_.try_emplace(id, Held{std::move(event), State::settled, 0, false, MonoTime{}}).second;
}

// Until when nothing may start, whatever waits; nothing = now.
std::optional<MonoTime> Flow::held_back(MonoTime now) {
  if (now < closed_until_) return closed_until_;
  if (rate_ == 0) return std::nullopt;
  if (tokens_at_ != MonoTime{}) {
    const double passed = std::chrono::duration<double>(now - tokens_at_).count();
    tokens_ = std::min(most_tokens(rate_), tokens_ + passed * rate_);
  }
  tokens_at_ = now;
  if (tokens_ >= 1.0) return std::nullopt;
  return now +
         std::chrono::ceil<milliseconds>(std::chrono::duration<double>((1.0 - tokens_) / rate_));
}

Flow::Next Flow::next(MonoTime now) {
  if (under_way_ >= concurrency_) return {};
  // Behind an open breaker one event is tried.
  if (failures_ >= breaker_.failures && under_way_ > 0 && now >= closed_until_) return {};
  Held* first = nullptr;
  std::optional<MonoTime> wake;
  for (auto& [id, held] : held_) {
    if (held.state != State::waiting) continue;
    if (held.due <= now) {
      first = &held;
      break;
    }
    wake = wake ? std::min(*wake, held.due) : held.due;
  }
  if (first == nullptr) return {nullptr, 0, wake};
  if (const auto until = held_back(now)) return {nullptr, 0, until};
  if (rate_ != 0) tokens_ -= 1.0;
  first->state = State::under_way;
  ++first->attempts;
  ++under_way_;
  return {&first->event, first->attempts + (first->again ? 1 : 0), std::nullopt};
}

void Flow::failed(MonoTime now) {
  if (failures_ < breaker_.failures) ++failures_;
  if (failures_ >= breaker_.failures) closed_until_ = std::max(closed_until_, now + breaker_.pause);
}

// "Full jitter": a random part of a pause that doubles, so that instances do not return together.
milliseconds Flow::pause(std::uint32_t attempts) {
  milliseconds most = retry_.first;
  for (std::uint32_t i = 1; i < attempts && most < retry_.most; ++i) most *= 2;
  most = std::min(most, retry_.most);
  std::uniform_int_distribution<std::int64_t> part(1, std::max<std::int64_t>(1, most.count()));
  return milliseconds(part(random_));
}

Flow::After Flow::answered(EntryId id, const Answer& answer, MonoTime now) {
  const auto found = held_.find(id);
  if (found == held_.end() || found->second.state != State::under_way) return After::wait;
  Held& held = found->second;
  --under_way_;
  held.state = State::settled;
  if (answer.verdict != Answer::Verdict::retry) {
    failures_ = 0;
    return answer.verdict == Answer::Verdict::done ? After::acknowledge : After::bury;
  }
  failed(now);
  if (held.attempts >= retry_.attempts) return After::bury;
  held.state = State::waiting;
  held.due = now + std::max(pause(held.attempts), std::min(answer.after, retry_.most));
  return After::wait;
}

std::vector<EntryId> Flow::held() const {
  std::vector<EntryId> out;
  out.reserve(held_.size());
  for (const auto& [id, held] : held_) out.push_back(id);
  return out;
}

const Event* Flow::find(EntryId id) const {
  const auto found = held_.find(id);
  return found == held_.end() ? nullptr : &found->second.event;
}

void Flow::give_up_waiting() {
  std::erase_if(held_, [](const auto& one) { return one.second.state == State::waiting; });
}

std::size_t Flow::settled() const {
  return static_cast<std::size_t>(std::count_if(held_.begin(), held_.end(), [](const auto& one) {
    return one.second.state == State::settled;
  }));
}

}  // namespace keyward::trigger
