// Waiting for the disk: answers of grants with `durability: synced` or `strict`, and commands of
// the latter.
#include "proxy/session.h"

#include <algorithm>

namespace keyward::proxy {

// Rights may change while answers wait: those wait for what was promised before.
audit::Receipt Session::receipt() {
  const audit::Durability now = account_.durability();
  waits_for_ = replies_.drained() ? now : std::max(waits_for_, now);
  return shard_.receipt(waits_for_);
}

// Nothing else would wake this session.
void Session::await_sync() {
  if (waits_for_ >= audit::Durability::synced && replies_.ready()) shard_.await_sync(*this);
}

void Session::synced() {
  if (phase_ == Phase::closed) return;
  resume(Pause::sync);
  wake();
}

// `strict`: that a change is about to be sent is on the disk before it is. Recorded once, however
// often the command is judged.
bool Session::intent_is_safe(const policy::Permit& permit) {
  if (account_.durability() != audit::Durability::strict) return true;
  if (intent_ == 0) intent_ = account_.intends(command_, permit, db_);
  if (shard_.receipt(audit::Durability::strict).covers(intent_)) return true;
  pause_ = Pause::sync;
  shard_.await_sync(*this);
  return false;
}

}  // namespace keyward::proxy
