// The requests of a load and the check of their answers. A value says which key it belongs to, so
// an answer that reached the wrong client, or came in the wrong order, is seen.
#pragma once

#include "options.h"

#include <cstdint>
#include <string>
#include <string_view>

namespace keyward::load {

struct Request {
  std::uint64_t at = 0;   // when it was due (open) or sent (closed), ns
  std::uint32_t key = 0;  // its number
  bool get = false;
};

class Requests {
 public:
  explicit Requests(const Options& options);

  Request draw(std::uint64_t at);  // a random one
  void append(const Request& request, std::string& out);

  enum class Check { right, partial, wrong };
  // Judges the first reply in `input`; `length` is that of a right one, also when it is not whole
  // yet.
  Check check(const Request& request, std::string_view input, std::size_t& length);

  // Exponential gaps: uniform in (0, 1].
  double uniform();

 private:
  std::uint64_t random();
  void number(std::string& text, std::size_t at, std::uint32_t key) const;

  std::uint32_t keys_, gets_;
  std::uint64_t state_ = 0x9E3779B97F4A7C15U;
  std::string get_, set_, reply_;                                            // templates
  std::size_t get_key_ = 0, set_key_ = 0, set_value_ = 0, reply_value_ = 0;  // where numbers go
};

}  // namespace keyward::load
