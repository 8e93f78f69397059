#include "proxy/ending.h"

#include <algorithm>

namespace keyward::proxy {

namespace {

using namespace std::chrono_literals;
using Span = Ending::Span;

// A wait goes on so long at most, whatever the grace.
constexpr Span kLongestWait = 60s;
// For Redis to end a wait that it was told to end.
constexpr Span kUnblockPatience = 1s;
// What still is not over so long after the last point of the table (a script that runs, a client
// that does not read) is cut.
constexpr Span kHardLimit = 10s;
// A revoked session is gone within a second: time for one last answer, and for those under way.
constexpr Span kRevokedGrace = 500ms;
constexpr Span kRevokedHard = 750ms;

// Time from the end to each.
struct Times {
  Span wait;        // a wait is ended
  Span patience;    // Redis was told and did not: how much longer
  Span subscribed;  // a subscriber is closed
  Span idle;        // who sends no command is closed
  Span hard;
};

Times times(EndCause cause, Span grace, Span jitter) {
  const Span hard = grace + kHardLimit;
  switch (cause) {
    case EndCause::revoked:
      return {.wait = Span::zero(),
              .patience = kRevokedHard,
              .subscribed = Span::zero(),
              .idle = std::min(grace, kRevokedGrace),
              .hard = kRevokedHard};
    case EndCause::policy:
      return {.wait = Span::zero(),
              .patience = grace,
              .subscribed = Span::zero(),
              .idle = grace,
              .hard = hard};
    default: {
      const Span wait = std::min(grace, kLongestWait);
      return {.wait = wait,
              .patience = kUnblockPatience,
              .subscribed = jitter,
              .idle = grace - jitter / 2,
              .hard = hard};
    }
  }
}

// splitmix64: neighbouring ids are far apart.
std::uint64_t mixed(std::uint64_t value) {
  value += 0x9e3779b97f4a7c15;
  value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9;
  value = (value ^ (value >> 27)) * 0x94d049bb133111eb;
  return value ^ (value >> 31);
}

}  // namespace

Ending::Ending(Span grace, Span jitter) : grace_(grace), jitter_(std::min(jitter, grace)) {}

void Ending::renewed(MonoTime ends, Span life) {
  expires_ = ends;
  near_ = ends - life / 5;
  since_ = MonoTime::max();
  cause_ = EndCause::none;
}

void Ending::end(EndCause cause, MonoTime now) {
  if (cause <= cause_) return;
  cause_ = cause;
  since_ = now;
}

void Ending::lift() {
  if (cause_ != EndCause::policy) return;
  cause_ = EndCause::none;
  since_ = MonoTime::max();
}

EndCause Ending::cause(MonoTime now) const {
  if (cause_ == EndCause::revoked) return cause_;
  return now >= expires_ ? EndCause::expired : cause_;
}

EndStep Ending::step(MonoTime now, const UnderWay& under_way) const {
  const bool by_time = cause_ != EndCause::revoked && expires_ <= since_;
  const MonoTime begun = by_time ? expires_ : since_;
  if (now < begun) return EndStep::nothing;
  const Times at = times(by_time ? EndCause::expired : cause_, grace_, jitter_);
  const Span since = now - begun;
  if (since >= at.hard) return EndStep::cut;
  if (under_way.waits) {
    // Counted from the telling: a machine that stood still must not cut a wait that it never ended.
    if (under_way.told <= now && now - under_way.told >= at.patience) return EndStep::cut;
    return since >= at.wait ? EndStep::end_wait : EndStep::nothing;
  }
  if (under_way.answers) return EndStep::nothing;
  const bool due = since >= (under_way.subscribed ? at.subscribed : at.idle);
  return due ? EndStep::leave : EndStep::nothing;
}

Span spread(std::uint64_t session, Span most, Span grace) {
  const Span bound = std::min(most, grace);
  const double share = static_cast<double>(mixed(session) >> 11) * 0x1p-53;
  return std::chrono::duration_cast<Span>(bound * share);
}

}  // namespace keyward::proxy
