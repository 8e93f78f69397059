// Where to connect or listen: parsed from "host:port", "[::1]:6380", redis://, rediss:// or unix://
// text.
#pragma once

#include "keyward/base/result.h"

#include <cstdint>
#include <string>
#include <string_view>

namespace keyward::net {

struct Endpoint {
  enum class Kind : std::uint8_t { tcp, tls, unix_socket };
  Kind kind = Kind::tcp;
  std::string host;  // or the path of the socket
  std::uint16_t port = 0;
  [[nodiscard]] std::string text() const;  // "redis://127.0.0.1:6379", "unix:///run/redis.sock"
  // 127.0.0.0/8, ::1, "localhost" or a unix socket; an empty host (every address) is not.
  [[nodiscard]] bool is_loopback() const;
};

// redis:// rediss:// unix://; user info, queries and databases in the URL are errors that name the
// right setting.
[[nodiscard]] Result<Endpoint> parse_redis_url(std::string_view url);
// "127.0.0.1:6380", "[::]:6380", ":6380" (every address: the host stays empty). Kind::tcp; the
// caller turns it into tls.
[[nodiscard]] Result<Endpoint> parse_listen(std::string_view text);

}  // namespace keyward::net
