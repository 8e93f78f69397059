// Where to connect or listen: parsed from "host:port", "[::1]:6380", redis://, rediss:// or unix:// text.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "keyward/base/result.h"

namespace keyward::net {

struct Endpoint {
  enum class Kind : std::uint8_t { tcp, tls, unix_socket };
  Kind kind = Kind::tcp;
  std::string host;       // or the path of the socket
  std::uint16_t port = 0;
  [[nodiscard]] std::string text() const;  // "redis://127.0.0.1:6379", "unix:///run/redis.sock"
};

// redis:// rediss:// unix://; user info, queries and databases in the URL are errors that name the right setting.
[[nodiscard]] Result<Endpoint> parse_redis_url(std::string_view url);
// "127.0.0.1:6380", "[::]:6380", ":6380"
[[nodiscard]] Result<Endpoint> parse_listen(std::string_view text);

}  // namespace keyward::net
