// What the admin API shows of a live session: never a secret, a value or a key.
#pragma once

#include "keyward/base/clock.h"

#include <cstdint>
#include <string>
#include <vector>

namespace keyward::proxy {

struct SessionFacts {
  std::string id;  // as the trail has it
  std::string principal, label;
  std::vector<std::string> grants;
  std::string redis_user;
  std::string address, listener, name, library;
  WallTime since{}, ends{};
  std::string state;  // "idle", "busy", "blocked", "subscribed", "transaction", "ending"
  std::uint32_t db = 0;
  int protocol = 2;
  std::uint64_t commands = 0;  // so far
};

}  // namespace keyward::proxy
