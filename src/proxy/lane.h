// Which way a permitted command goes, as a pure table.
#pragma once

#include "keyward/command/command.h"
#include "keyward/resp/writer.h"

#include <cstdint>
#include <string_view>

namespace keyward::proxy {

enum class Lane : std::uint8_t {
  local,   // answered here, no upstream
  queued,  // inside MULTI: kept until EXEC
  shared,  // the multiplexed link of this identity, protocol and database
  lent,    // a link of its own for one answer: it may block
  held,    // the link that holds this client's WATCH
  relay,   // the link that carries this client's subscriptions, or tracks what it reads
};

struct LaneState {
  bool multi = false;  // between MULTI and EXEC
  bool held = false;   // keys are watched
  bool relay = false;  // channels are subscribed, or CLIENT TRACKING is on
};

[[nodiscard]] Lane lane_of(const command::Command& command, const LaneState& state);
// CLIENT TRACKING ON.
[[nodiscard]] bool starts_tracking(const command::Command& command);
// Why a permitted CLIENT TRACKING ON cannot be had here; empty when it can. `renamed`: under a
// namespace.
[[nodiscard]] std::string_view tracking_obstacle(const command::Command& command,
                                                 resp::Protocol protocol,
                                                 const command::ServerVersion& server,
                                                 bool renamed);
// Answered by the proxy itself in every state.
[[nodiscard]] bool is_local(command::Kind kind);

}  // namespace keyward::proxy
