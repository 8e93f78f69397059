// What the admin API tells about the policy in force and the last attempt to replace it.
#pragma once

#include "keyward/base/clock.h"
#include "keyward/base/diagnostics.h"

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace keyward::admin {

struct PolicyStatus {
  std::string version, commit, folder;
  std::uint64_t number = 0;  // how often a version came into force since the start
  WallTime loaded_at{};
  std::string loaded_by;  // "start", "signal", "watch", "api 127.0.0.1"
  std::size_t grants = 0, expectations = 0;
  std::vector<std::string> signed_by;  // key files; empty = the folder need not be signed
  bool watching = false;
  std::uint64_t reloads = 0, failures = 0;
  struct Attempt {
    WallTime at{};
    bool ok = false, changed = false;
    std::string trigger;
    std::chrono::milliseconds took{0};
    Diagnostics diagnostics;
  } last_attempt;
};

}  // namespace keyward::admin
