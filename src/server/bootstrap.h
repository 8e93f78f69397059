// The first conversation with Redis: log in, ask for COMMAND and INFO. Runs the control io_context
// until it has them.
#pragma once

#include "keyward/base/result.h"
#include "keyward/command/catalog.h"
#include "keyward/proxy/shard.h"
#include "keyward/upstream/control.h"

#include <boost/asio/io_context.hpp>

#include <memory>

namespace keyward::server {

struct RedisAtStart {
  std::shared_ptr<const command::Catalog> catalog;
  proxy::ServerFacts facts;
};

// Starts `control`; `on_up`/`on_down` go on being called afterwards. Errors say what could not be
// reached and why.
[[nodiscard]] Result<RedisAtStart> meet_redis(boost::asio::io_context& io,
                                              upstream::Control& control,
                                              std::chrono::milliseconds patience,
                                              std::function<void()> on_up,
                                              std::function<void(const std::string&)> on_down);

}  // namespace keyward::server
