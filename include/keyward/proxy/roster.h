// The live sessions of one identity on all shards: what CLIENT LIST shows. Nobody else's.
#pragma once

#include "keyward/base/clock.h"

#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <vector>

namespace keyward::proxy {

// What a session shows of itself. Its own thread reads it freely and changes it under its roster's
// lock.
struct Presence {
  std::uint64_t id = 0;
  std::string address;  // "10.1.2.3:4567"
  std::string name, library, library_version;
  std::string user;
  MonoTime since{};
  std::uint32_t db = 0;
  int protocol = 2;
  bool subscribed = false;
};

// One line as CLIENT INFO and CLIENT LIST show it. Source: networking.c catClientInfoString; fields
// that would tell of the server or of other clients are left out.
[[nodiscard]] std::string describe(const Presence& session, MonoTime now);

// Any thread. The lock is taken at login, logout, when a session changes what it shows, and by
// CLIENT LIST; never for other commands.
class Roster {
 public:
  void join(const Presence& session);
  void leave(const Presence& session);
  // Runs `change`, which writes to a Presence that joined.
  template <class Change>
  auto alter(Change&& change) {
    const std::lock_guard lock(mutex_);
    return change();
  }
  // One line a session, in order of their ids.
  [[nodiscard]] std::string list(const std::function<bool(const Presence&)>& wanted,
                                 MonoTime now) const;

 private:
  mutable std::mutex mutex_;
  std::vector<const Presence*> all_;
};

}  // namespace keyward::proxy
