// The arguments of a request that is under way, kept to be judged once more.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace keyward::proxy {

// Reused: no allocation in steady state.
class KeptRequest {
 public:
  void keep(std::span<const std::string_view> args) {
    clear();
    for (const std::string_view arg : args) {
      bytes_.append(arg);
      ends_.push_back(bytes_.size());
    }
  }
  void clear() {
    bytes_.clear();
    ends_.clear();
  }
  [[nodiscard]] explicit operator bool() const { return !ends_.empty(); }
  // Valid until the next change.
  [[nodiscard]] std::vector<std::string_view> args() const {
    std::vector<std::string_view> out;
    std::size_t begin = 0;
    for (const std::size_t end : ends_) {
      out.push_back(std::string_view(bytes_).substr(begin, end - begin));
      begin = end;
    }
    return out;
  }

 private:
  std::string bytes_;
  std::vector<std::size_t> ends_;
};

}  // namespace keyward::proxy
