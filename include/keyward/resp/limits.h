// Every cap on what a client may send, in one place. Sources: redis networking.c (authRequired
// limits, PROTO_INLINE_MAX_SIZE).
#pragma once

#include <cstddef>

namespace keyward::resp {

struct Limits {
  std::size_t max_args = 1024UL * 1024;           // arguments of one request
  std::size_t max_bulk = 512UL * 1024 * 1024;     // bytes of one argument (proto-max-bulk-len)
  std::size_t max_inline = 64UL * 1024;           // bytes of one inline line
  std::size_t max_buffered = 64UL * 1024 * 1024;  // bytes of one request held in memory
  std::size_t stream_above = 256UL * 1024;  // an argument longer than this is streamed, never held
  bool unauthenticated = false;             // a cap is refused in the words Redis has before login
};

// Before login: 10 arguments, 16 KiB each, nothing streamed.
constexpr Limits before_login() {
  return {.max_args = 10,
          .max_bulk = 16384,
          .max_inline = 64UL * 1024,
          .max_buffered = 10 * 16384 + 1024,
          .stream_above = 16384,
          .unauthenticated = true};
}

}  // namespace keyward::resp
