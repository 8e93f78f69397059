// Which way a permitted command goes, as a pure table.
#pragma once

#include "keyward/command/command.h"

#include <cstdint>

namespace keyward::proxy {

enum class Lane : std::uint8_t {
  local,   // answered here, no upstream
  queued,  // inside MULTI: kept until EXEC
  shared,  // the multiplexed link of this identity, protocol and database
  lent,    // a link of its own for one answer: it may block
  held,    // the link that holds this client's WATCH
  relay,   // the link that carries this client's subscriptions
};

struct LaneState {
  bool multi = false;  // between MULTI and EXEC
  bool held = false;   // keys are watched
  bool relay = false;  // channels are subscribed
};

[[nodiscard]] Lane lane_of(const command::Command& command, const LaneState& state);
// Answered by the proxy itself in every state.
[[nodiscard]] bool is_local(command::Kind kind);

}  // namespace keyward::proxy
