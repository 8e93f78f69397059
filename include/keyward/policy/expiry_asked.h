// The expiry that a command asks for. Pure.
#pragma once

#include "keyward/command/command.h"

#include <chrono>
#include <cstdint>
#include <optional>

namespace keyward::policy {

struct ExpiryAsked {
  // How long the key is to live, or with `absolute` the end of it since 1970. May lie in the past.
  std::chrono::milliseconds when{0};
  bool absolute = false;
  // NX, XX, GT, LT, or a type that may not fit: the key may keep what it had.
  bool conditional = false;
};

// Of SET, GETEX, SETEX, PSETEX and the four of EXPIRE, for their one key (argument 1). Nothing: it
// asks for none, or for one that Redis will refuse.
[[nodiscard]] std::optional<ExpiryAsked> expiry_asked(const command::Command& command);

}  // namespace keyward::policy
