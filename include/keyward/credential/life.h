// How long a credential lives. Pure.
#pragma once

#include "keyward/base/clock.h"

#include <chrono>
#include <string_view>

namespace keyward::credential {

struct LifeRules {
  std::chrono::seconds asked{0};   // 0 = as long as can be
  std::chrono::seconds policy{0};  // the longest that the grants allow
  // As long as a session by the token itself may last: its own end, or `limits.session` where the
  // grants say that sessions outlive their tokens.
  WallTime token_ends{};
  std::chrono::seconds session{0};
};

struct Life {
  WallTime ends{};
  std::string_view limited_by;  // "asked", "policy" or "token"
};

// For a credential that is given out at `now`.
[[nodiscard]] Life first_life(const LifeRules& rules, WallTime now);
// For one that is renewed at `now` and may not go beyond `last`.
[[nodiscard]] Life next_life(const LifeRules& rules, WallTime last, WallTime now);

}  // namespace keyward::credential
