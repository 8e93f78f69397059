#include "keyward/proxy/roster.h"

#include <algorithm>

namespace keyward::proxy {

std::string describe(const Presence& session, MonoTime now) {
  const auto age = std::chrono::duration_cast<std::chrono::seconds>(now - session.since).count();
  return "id=" + std::to_string(session.id) + " addr=" + session.address + " name=" + session.name +
         " age=" + std::to_string(std::max<std::int64_t>(0, age)) +
         " flags=" + (session.subscribed ? "P" : "N") + " db=" + std::to_string(session.db) +
         " user=" + session.user + " resp=" + std::to_string(session.protocol) +
         " lib-name=" + session.library + " lib-ver=" + session.library_version + "\n";
}

void Roster::join(const Presence& session) {
  const std::lock_guard lock(mutex_);
  const auto place =
      std::lower_bound(all_.begin(), all_.end(), session.id,
                       [](const Presence* one, std::uint64_t id) { return one->id < id; });
  all_.insert(place, &session);
}

void Roster::leave(const Presence& session) {
  const std::lock_guard lock(mutex_);
  std::erase(all_, &session);
}

std::string Roster::list(const std::function<bool(const Presence&)>& wanted, MonoTime now) const {
  std::string out;
  const std::lock_guard lock(mutex_);
  for (const Presence* session : all_) {
    if (wanted(*session)) out += describe(*session, now);
  }
  return out;
}

}  // namespace keyward::proxy
