// What the admin API shows of a session.
#include "proxy/session.h"

namespace keyward::proxy {

std::optional<SessionFacts> Session::facts() const {
  if (phase_ == Phase::closed || login_ == nullptr) return std::nullopt;
  const audit::Subject& subject = account_.subject();
  SessionFacts out;
  out.id = subject.session_id;
  out.principal = login_->principal->id;
  out.label = login_->principal->label;
  out.grants = login_->grants->grant_names();
  out.redis_user = subject.lease_user;
  out.address = presence_.address;
  out.listener = subject.listener;
  out.name = presence_.name;
  out.library = presence_.library;
  out.since = login_->since;
  out.ends = login_->ends;
  out.state = state();
  out.db = db_;
  out.protocol = static_cast<int>(protocol_);
  out.commands = account_.commands();
  return out;
}

const char* Session::state() const {
  if (ended()) return "ending";
  if (relay_ != nullptr && relay_->subscribed()) return "subscribed";
  if (waits_) return "blocked";
  if (transaction_ != nullptr || held_) return "transaction";
  return in_flight_ > 0 ? "busy" : "idle";
}

}  // namespace keyward::proxy
