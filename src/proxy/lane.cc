#include "proxy/lane.h"

namespace keyward::proxy {

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
  if (state.multi) return kind == Kind::watch ? Lane::local : Lane::queued;
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
