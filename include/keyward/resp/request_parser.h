// Client bytes -> requests. The hostile side: every cap is checked before memory is taken for it.
#pragma once

#include "keyward/resp/limits.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace keyward::resp {

enum class ParseStatus : std::uint8_t {
  need_more,  // no complete item in the input; call again with the same bytes and more behind them
  request,    // args() is a complete request
  large_begin,  // a request whose next argument is longer than Limits::stream_above: args() are the
                // ones before it
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

// Resumable at every byte. The caller keeps unconsumed bytes and passes them again with more
// appended. Views from args() and chunk() point into the input of the last call and die with it. A
// large request is: large_begin, then (large_arg, chunk..., | small_arg)*, then large_end. The
// first event after large_begin is always the large_arg. Empty requests ("*0", blank inline lines)
// are consumed silently, as Redis does.
class RequestParser {
 public:
  explicit RequestParser(const Limits& limits) : limits_(limits), wanted_(limits) {}

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
  void set_limits(const Limits& limits) {
    wanted_ = limits;
    if (idle()) limits_ = limits;
  }
  // True between requests: nothing of a request has been seen.
  [[nodiscard]] bool idle() const { return stage_ == Stage::idle; }

 private:
  Limits limits_;
  std::vector<std::string_view> args_;
  std::string_view chunk_;
  Large large_;
  std::string error_;

  enum class Stage : std::uint8_t {
    idle,          // between requests
    inline_line,   // inside an inline request
    count,         // inside "*n"
    header,        // inside "$n"
    body,          // inside the bytes of an argument that is held
    announce,      // large_begin was answered; large_arg is next
    stream,        // inside the bytes of a streamed argument
    stream_end,    // inside the CRLF after them
    large_header,  // as header and body, in a large request
    large_body,
    failed,
  };
  enum class Line : std::uint8_t { partial, whole, failed };
  struct Span {  // of an argument, from the start of its request: the caller may move the bytes
    std::uint32_t begin = 0;
    std::uint32_t length = 0;
  };

  void begin(char first);
  void leave();
  ParseResult inline_request(std::string_view rest, std::size_t start);
  ParseResult multibulk(std::string_view rest, std::size_t start);
  ParseResult begin_large(std::string_view rest, std::size_t start);
  ParseResult large_request(std::string_view input);
  ParseResult streamed(std::string_view rest, std::size_t used);
  ParseResult large_argument(std::string_view rest, std::size_t used);
  Line read_count(std::string_view rest);
  Line read_length(std::string_view rest);
  Line find_line(std::string_view rest, std::string_view too_big, std::string_view& text);
  Line take_count(std::int64_t number);
  Line take_length(std::int64_t number);
  bool split_inline(std::string_view line);
  bool fits(std::size_t length) const;
  void make_views(std::string_view rest);
  Line refuse(std::string_view why);
  ParseResult refused(std::string_view why);

  Limits wanted_;  // limits_ from the next request on
  Stage stage_ = Stage::idle;
  std::size_t at_ =
      0;  // everything before is understood; from the start of the request or, when large, the item
  std::size_t scanned_ = 0;  // no line end between at_ and here
  std::size_t count_ = 0;    // arguments announced
  std::size_t seen_ = 0;     // arguments complete
  std::size_t length_ = 0;   // of the argument being read; of a streamed one, what is still to come
  std::size_t held_ =
      0;  // bytes of this request that are held, here or by the reader of a large one
  std::vector<Span> spans_;
  std::string unquoted_;  // arguments of an inline request after its quoting is undone
};

}  // namespace keyward::resp
