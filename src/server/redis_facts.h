// What the proxy needs to know of the Redis behind it: version, and INFO reduced to what client
// libraries read.
#pragma once

#include "keyward/command/catalog.h"
#include "keyward/proxy/shard.h"

#include <string>
#include <string_view>

namespace keyward::server {

// "redis_version" of an INFO text; Valkey is told by its own field. 0.0.0 when there is none.
[[nodiscard]] command::ServerVersion server_version(std::string_view info);
// Only fields that say nothing about other users of the server (docs: reference of ioredis, BullMQ,
// Redisson probes).
[[nodiscard]] proxy::ServerFacts reduce_info(std::string_view info);

}  // namespace keyward::server
