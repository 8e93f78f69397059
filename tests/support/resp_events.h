// What a RequestParser makes of some bytes, as text: the same for every way the bytes may arrive.
#pragma once

#include "keyward/resp/request_parser.h"

#include <algorithm>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace keyward::test {

// Plays the caller of a RequestParser as its contract asks. Every call gets the bytes in a fresh
// block of exactly their size, so that a sanitizer sees each read past the end and each view kept
// too long.
class RequestReader {
 public:
  explicit RequestReader(const resp::Limits& limits) : parser_(limits) {}

  void feed(std::string_view bytes) {
    held_.append(bytes);
    while (!failed_) {
      const std::unique_ptr<char[]> block(new char[held_.size()]);
      std::copy(held_.begin(), held_.end(), block.get());
      const resp::ParseResult result = parser_.next({block.get(), held_.size()});
      note(result.status);
      held_.erase(0, result.consumed);
      if (result.status == resp::ParseStatus::need_more) return;
    }
  }
  // One entry for each event; the chunks of one streamed argument are one entry.
  [[nodiscard]] const std::vector<std::string>& events() const { return events_; }
  [[nodiscard]] const std::vector<std::vector<std::string>>& requests() const { return requests_; }
  [[nodiscard]] std::string error() const { return std::string(parser_.error()); }
  [[nodiscard]] bool failed() const { return failed_; }
  [[nodiscard]] std::size_t held() const { return held_.size(); }
  [[nodiscard]] resp::RequestParser& parser() { return parser_; }

 private:
  static std::string words(const std::vector<std::string>& args) {
    std::string out;
    for (const std::string& arg : args) out += '[' + arg + ']';
    return out;
  }
  void note(resp::ParseStatus status) {
    using resp::ParseStatus;
    const std::vector<std::string> args(parser_.args().begin(), parser_.args().end());
    const auto& large = parser_.large();
    switch (status) {
      case ParseStatus::need_more:
        break;
      case ParseStatus::request:
        requests_.push_back(args);
        events_.push_back("request " + words(args));
        break;
      case ParseStatus::large_begin:
        events_.push_back("large_begin " + words(args) + " of " + std::to_string(large.total_args));
        break;
      case ParseStatus::large_arg:
        events_.push_back("large_arg " + std::to_string(large.index) + ' ' +
                          std::to_string(large.length) + ": ");
        break;
      case ParseStatus::chunk:
        events_.back().append(parser_.chunk());
        break;
      case ParseStatus::small_arg:
        events_.push_back("small_arg " + std::string(parser_.chunk()));
        break;
      case ParseStatus::large_end:
        events_.emplace_back("large_end");
        break;
      case ParseStatus::malformed:
        events_.push_back("malformed " + std::string(parser_.error()));
        failed_ = true;
        break;
    }
  }

  resp::RequestParser parser_;
  std::string held_;
  std::vector<std::string> events_;
  std::vector<std::vector<std::string>> requests_;
  bool failed_ = false;
};

inline std::vector<std::string> events_of(std::string_view bytes, const resp::Limits& limits = {}) {
  RequestReader reader(limits);
  reader.feed(bytes);
  return reader.events();
}

}  // namespace keyward::test
