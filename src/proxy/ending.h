// When a session ends, why, and what is then done with whatever it is doing: the table of
// docs/identity.md. No I/O.
#pragma once

#include "keyward/base/clock.h"

#include <cstdint>

namespace keyward::proxy {

enum class EndCause : std::uint8_t {
  none,
  expired,  // the time its credential or its grant gave it is over
  policy,   // the version in force grants it nothing; a later one may again
  revoked,  // somebody ended it
};

enum class EndStep : std::uint8_t {
  nothing,   // who sends a command is told
  end_wait,  // have Redis end the wait; asked for until it did
  leave,     // deliver what is owed, then close
  cut,       // close
};

// What a session has under way.
struct UnderWay {
  bool waits = false;               // a command that blocks in Redis
  MonoTime told = MonoTime::max();  // when Redis was first told to end that wait
  bool answers = false;             // anything else that is not answered yet
  bool subscribed = false;          // it holds a link for messages
};

// One session's end. Whichever cause comes first counts; a renewal takes back all of them.
class Ending {
 public:
  using Span = MonoTime::duration;

  // `jitter`: this session's share of the spread, see spread().
  Ending(Span grace, Span jitter);

  // A login, or its renewal: ends then. `life`: from the login to that end.
  void renewed(MonoTime ends, Span life = Span::zero());
  // Ends now. Of two causes the stronger counts, revocation before all.
  void end(EndCause cause, MonoTime now);
  // The policy grants it something again.
  void lift();

  [[nodiscard]] MonoTime expires() const { return expires_; }
  // Past 80 % of its life.
  [[nodiscard]] bool near(MonoTime now) const { return now >= near_; }
  [[nodiscard]] EndCause cause(MonoTime now) const;
  // No further command of it runs. Without rights by policy it is told that by the policy.
  [[nodiscard]] bool over(MonoTime now) const {
    return now >= expires_ || cause_ == EndCause::revoked;
  }
  [[nodiscard]] bool revoked() const { return cause_ == EndCause::revoked; }
  [[nodiscard]] bool ended(EndCause cause) const { return cause_ == cause; }

  [[nodiscard]] EndStep step(MonoTime now, const UnderWay& under_way) const;
  // From then on step() may have something to say: it wants to be asked often.
  [[nodiscard]] MonoTime begins() const { return expires_ < since_ ? expires_ : since_; }

 private:
  Span grace_, jitter_;
  MonoTime expires_ = MonoTime::max();
  MonoTime near_ = MonoTime::max();
  MonoTime since_ = MonoTime::max();  // of cause_
  EndCause cause_ = EndCause::none;   // besides expiry
};

// The same for the same session, evenly spread over the sessions: 0 to `most`, never beyond the
// grace. So sessions that began together are not all closed together. An idle one still has half
// of the grace to be told.
[[nodiscard]] Ending::Span spread(std::uint64_t session, Ending::Span most, Ending::Span grace);

}  // namespace keyward::proxy
