#include "lease/claim.h"

#include "keyward/base/log.h"

#include <algorithm>
#include <utility>

namespace keyward::lease {
namespace {

using namespace std::chrono_literals;

// Much longer than any outage: while it lies there, the users of a dead instance can be told from
// those of strangers.
constexpr auto kRecordLife = std::chrono::hours(30 * 24);
constexpr std::chrono::milliseconds kLookAgain = 250ms;
constexpr std::chrono::milliseconds kSettle = 100ms;

}  // namespace

Claim::Claim(boost::asio::io_context& io, fleet::Store& store, std::string instance,
             std::string hash, std::chrono::milliseconds period, const Clock& clock)
    : store_(store),
      instance_(std::move(instance)),
      name_(claim_name(hash)),
      clock_(clock),
      self_(this_process(period)),
      timer_(io) {}

void Claim::take(std::function<void(Result<>)> done) {
  done_ = std::move(done);
  waiting_ = false;
  ask();
}

void Claim::ask() {
  store_.get(name_, [self = shared_from_this()](const Result<std::optional<std::string>>& record) {
    if (!self->stopped_ && self->done_) self->found(record);
  });
}

void Claim::found(const Result<std::optional<std::string>>& record) {
  // Sealed under another secret: it cannot be seen to move. Whoever it was, a wait is due.
  if (!record && record.error().code() == Errc::invalid) return wait_for(std::nullopt);
  if (!record) return finish(record.error());
  if (!record->has_value()) return write(true);
  const auto claim = read_claim(**record);
  if (claim && (claim->run == self_.run || surely_gone(*claim, self_))) return write(false);
  wait_for(claim);
}

void Claim::wait_for(const std::optional<ClaimRecord>& record) {
  const MonoTime now = clock_.mono();
  if (!std::exchange(waiting_, true)) {
    spdlog::warn(
        "waiting to see whether the last user of the instance name '{}' lives ({})", instance_,
        record ? "process " + std::to_string(record->pid) + " on " + log::printable(record->host)
               : "its record is sealed under another secret");
    seen_ = record;
    seen_since_ = now;
  } else if (record && record != seen_) {
    return finish(Error(Errc::invalid, in_use(*record)));
  }
  const auto patience = record ? record->period : self_.period;
  if (now - seen_since_ >= patience) return write(false);
  later(std::min(kLookAgain, patience / 4), &Claim::ask);
}

void Claim::later(std::chrono::milliseconds time, void (Claim::*step)()) {
  timer_.expires_after(time);
  timer_.async_wait([self = shared_from_this(), step](boost::system::error_code error) {
    if (!error && !self->stopped_) (self.get()->*step)();
  });
}

void Claim::write(bool first) {
  ++self_.beat;
  const auto written = [self = shared_from_this()](const Result<>& result) {
    if (self->stopped_ || !self->done_) return;
    if (!result) return self->finish(result.error());
    self->later(kSettle, &Claim::verify);
  };
  if (!first) return store_.put(name_, write_claim(self_), kRecordLife, written);
  store_.put_new(name_, write_claim(self_), kRecordLife,
                 [self = shared_from_this(), written](const Result<bool>& result) {
                   if (!result) return written(result.error());
                   if (*result) return self->stopped_ ? void() : self->finish({});
                   if (!self->stopped_ && self->done_) self->ask();  // somebody was faster
                 });
}

// Two that take over the same dead claim at once: the later one has it.
void Claim::verify() {
  store_.get(name_, [self = shared_from_this()](const Result<std::optional<std::string>>& record) {
    if (self->stopped_ || !self->done_) return;
    if (!record) return self->finish(record.error());
    const auto claim = *record ? read_claim(**record) : std::nullopt;
    if (claim && claim->run == self->self_.run) return self->finish({});
    if (claim) return self->finish(Error(Errc::invalid, self->in_use(*claim)));
    self->ask();
  });
}

void Claim::finish(Result<> result) {
  taken_ = result.has_value();
  waiting_ = false;
  if (const auto done = std::exchange(done_, nullptr)) done(std::move(result));
}

std::string Claim::in_use(const ClaimRecord& record) const {
  return "another live Keyward has the instance name '" + instance_ + "' (process " +
         std::to_string(record.pid) + " on " + log::printable(record.host) +
         "): they would delete each other's Redis users. Give each process its own, "
         "`instance: NAME` in the configuration";
}

void Claim::beat() {
  if (!taken_ || stopped_) return;
  store_.get(name_, [self = shared_from_this()](const Result<std::optional<std::string>>& record) {
    if (self->stopped_ || (!record && record.error().code() != Errc::invalid)) return;
    const auto claim = record && *record ? read_claim(**record) : std::nullopt;
    if (claim && claim->run != self->self_.run) {
      if (self->rival_.empty()) spdlog::error("{}", self->in_use(*claim));
      self->rival_ = self->in_use(*claim);
      return;
    }
    self->rival_.clear();
    ++self->self_.beat;
    self->store_.put(self->name_, write_claim(self->self_), kRecordLife, [](const Result<>&) {});
  });
}

void Claim::release(std::function<void()> done) {
  const bool ours = taken_ && rival_.empty();
  stop();
  if (!ours) return done();
  store_.erase(name_, [done = std::move(done)](const Result<>&) { done(); });
}

void Claim::stop() {
  stopped_ = true;
  taken_ = false;
  timer_.cancel();
  done_ = nullptr;
}

}  // namespace keyward::lease
