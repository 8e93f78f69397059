#include "proxy/lane.h"

#include "proxy/wire_errors.h"

#include "keyward/base/ascii.h"

#include <algorithm>

namespace keyward::proxy {

bool starts_tracking(const command::Command& command) {
  if (command.info->kind != command::Kind::tracking || command.info->name != "client|tracking")
    return false;
  return same_word(command.args[2], "on");
}

std::string_view tracking_obstacle(const command::Command& command, resp::Protocol protocol,
                                   const command::ServerVersion& server, bool renamed) {
  if (protocol == resp::Protocol::resp2) return wire::kTracking;
  const bool bcast = std::any_of(command.args.begin() + 3, command.args.end(),
                                 [](std::string_view word) { return same_word(word, "bcast"); });
  if (!bcast) return {};
  if (renamed) return wire::kBcastRenamed;
  // Before redis#15371 its messages name every key that changes, whatever the user's patterns.
  const bool confined =
      server.flavour == "redis" && (server.major > 8 || (server.major == 8 && server.minor >= 10));
  return confined ? std::string_view() : wire::kBcast;
}

bool is_local(command::Kind kind) {
  using command::Kind;
  switch (kind) {
    case Kind::auth:
    case Kind::hello:
    case Kind::select:
    case Kind::client:
    case Kind::reset:
    case Kind::quit:
    case Kind::info:
    case Kind::multi:
    case Kind::exec:
    case Kind::discard:
    case Kind::wait:
      return true;
    default:
      return false;
  }
}

Lane lane_of(const command::Command& command, const LaneState& state) {
  using command::Kind;
  const Kind kind = command.info->kind;
  if (is_local(kind)) return Lane::local;
  if (state.multi)
    return kind == Kind::watch || kind == Kind::tracking ? Lane::local : Lane::queued;
  if (state.relay) return Lane::relay;
  switch (kind) {
    case Kind::watch:
      return Lane::held;
    case Kind::unwatch:
      return state.held ? Lane::held : Lane::local;
    case Kind::subscribe:
    case Kind::psubscribe:
    case Kind::ssubscribe:
      return Lane::relay;
    case Kind::tracking:
      // Its companions answer on any link as on one that does not track.
      if (starts_tracking(command)) return Lane::relay;
      break;
    case Kind::unsubscribe:
    case Kind::punsubscribe:
    case Kind::sunsubscribe:
      return Lane::local;
    default:
      break;
  }
  if (state.held) return Lane::held;
  return command.blocks ? Lane::lent : Lane::shared;
}

}  // namespace keyward::proxy
