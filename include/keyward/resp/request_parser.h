// Client bytes -> requests. The hostile side: every cap is checked before memory is taken for it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "keyward/resp/limits.h"

namespace keyward::resp {

enum class ParseStatus : std::uint8_t {
  need_more,    // no complete item in the input; call again with the same bytes and more behind them
  request,      // args() is a complete request
  large_begin,  // a request whose next argument is longer than Limits::stream_above: args() are the ones before it
  large_arg,    // inside a large request: a streamed argument of large().length bytes begins
  chunk,        // inside a large request: chunk() is the next piece of the streamed argument
  small_arg,    // inside a large request: chunk() is one whole ordinary argument
  large_end,    // the large request is complete
  malformed,    // error() says why, in Redis's words; the connection must be closed after it
};

struct ParseResult {
  ParseStatus status = ParseStatus::need_more;
  std::size_t consumed = 0;  // bytes of the input that are done with once the views have been used
};

// Resumable at every byte. The caller keeps unconsumed bytes and passes them again with more appended.
// Views from args() and chunk() point into the input of the last call and die with it.
// A large request is: large_begin, then (large_arg, chunk..., | small_arg)*, then large_end. The first event after
// large_begin is always the large_arg. Empty requests ("*0", blank inline lines) are consumed silently, as Redis does.
class RequestParser {
 public:
  explicit RequestParser(const Limits& limits) : limits_(limits) {}

  ParseResult next(std::string_view input);

  [[nodiscard]] std::span<const std::string_view> args() const { return args_; }
  [[nodiscard]] std::string_view chunk() const { return chunk_; }
  struct Large {
    std::size_t total_args = 0;  // as announced by the request
    std::size_t index = 0;       // of the streamed argument
    std::size_t length = 0;      // its bytes
  };
  [[nodiscard]] const Large& large() const { return large_; }
  // Text after "-", without CRLF, for example "ERR Protocol error: invalid bulk length".
  [[nodiscard]] std::string_view error() const { return error_; }
  // Takes effect from the next request on.
  void set_limits(const Limits& limits) { limits_ = limits; }
  // True between requests: nothing of a request has been seen.
  [[nodiscard]] bool idle() const;

 private:
  Limits limits_;
  std::vector<std::string_view> args_;
  std::string_view chunk_;
  Large large_;
  std::string error_;
  // Further private state belongs to the implementation.
};

}  // namespace keyward::resp
