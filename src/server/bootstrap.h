// The first conversation with Redis: log in, ask for COMMAND and INFO. Runs the control io_context
// until it has them.
#pragma once

#include "keyward/base/result.h"
#include "keyward/command/catalog.h"
#include "keyward/proxy/shard.h"
#include "keyward/upstream/control.h"

#include <boost/asio/io_context.hpp>

#include <chrono>
#include <memory>

namespace keyward::server {

struct RedisAtStart {
  std::shared_ptr<const command::Catalog> catalog;
  proxy::ServerFacts facts;
};

// Runs the loop until `ready` or the deadline; whether it was ready.
template <class Ready>
bool run_until(boost::asio::io_context& io, std::chrono::steady_clock::time_point deadline,
               Ready ready) {
  while (!ready() && std::chrono::steady_clock::now() < deadline) {
    io.restart();
    io.run_one_for(std::chrono::milliseconds(50));
  }
  return ready();
}

// Starts `control`; `on_up`/`on_down` go on being called afterwards. Errors say what could not be
// reached and why.
[[nodiscard]] Result<RedisAtStart> meet_redis(boost::asio::io_context& io,
                                              upstream::Control& control,
                                              std::chrono::milliseconds patience,
                                              std::function<void()> on_up,
                                              std::function<void(const std::string&)> on_down);

}  // namespace keyward::server
