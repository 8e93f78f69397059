// A request with an argument too large to hold: judged by its small arguments, streamed to a link
// of its own.
#pragma once

#include "keyward/command/command.h"
#include "keyward/resp/request_parser.h"

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace keyward::proxy {

// Keeps the small arguments; a streamed one is an empty place with a length. What comes behind a
// streamed argument is held back until the whole request was judged, so Redis never sees the end of
// a request that was refused.
class Upload {
 public:
  Upload(std::span<const std::string_view> head, std::size_t total) : total_(total) {
    for (const std::string_view arg : head) small(arg);
  }
  void small(std::string_view bytes) {
    args_.emplace_back(bytes);
    lengths_.push_back(bytes.size());
  }
  void streamed(std::size_t length) {
    args_.emplace_back();
    lengths_.push_back(length);
  }
  // Kept in memory instead of streamed: inside MULTI.
  void append_to_last(std::string_view bytes) { args_.back().append(bytes); }

  // Appends what Redis may see before the next streamed argument (or the end): heads and held-back
  // small arguments. `args`: all arguments so far in Redis's names. False: what was sent before has
  // another name now, and the request must not become whole.
  [[nodiscard]] bool write_pending(std::string& out, std::span<const std::string_view> args);
  [[nodiscard]] bool complete() const { return args_.size() == total_; }
  [[nodiscard]] std::size_t total() const { return total_; }
  [[nodiscard]] const std::vector<std::size_t>& lengths() const { return lengths_; }
  // Of the streamed arguments so far and one more.
  [[nodiscard]] std::size_t longest(std::size_t next) const;
  // Views valid until the next change.
  [[nodiscard]] std::span<const std::string_view> views();

  enum class Way : std::uint8_t { undecided, streaming, collecting, discarding };
  Way way = Way::undecided;
  std::string refusal;        // the error to answer when discarding, without "-"
  std::uint64_t ticket = 0;   // of the refusal's record
  bool sent = false;          // bytes of it left for Redis
  bool ends_session = false;  // it was refused halfway on a link that the session needs
  bool block = false;         // between MULTI and EXEC, on a link of its own
  bool admitted = false;      // what came before it no longer stands in its way

 private:
  std::size_t total_;
  std::vector<std::string> args_;
  std::vector<std::size_t> lengths_;
  std::vector<std::string_view> views_;
  std::vector<std::string> renamed_;  // arguments as they were sent; empty where as the client's
  std::size_t written_ = 0;           // arguments that write_pending() has dealt with
};

}  // namespace keyward::proxy
