// How often something happened, and when first and last.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace keyward::report {

struct Uses {
  std::uint64_t count = 0, first_us = 0, last_us = 0;
  void at(std::uint64_t us, std::uint64_t times = 1) {
    first_us = count == 0 ? us : std::min(first_us, us);
    last_us = std::max(last_us, us);
    count += times;
  }
  void add(const Uses& other) {
    if (other.count == 0) return;
    first_us = count == 0 ? other.first_us : std::min(first_us, other.first_us);
    last_us = std::max(last_us, other.last_us);
    count += other.count;
  }
};

// Uses by name. Names that come when kMost are there are counted together: then `left_out` says so.
class Tally {
 public:
  static constexpr std::size_t kMost = 200'000;

  void at(std::string_view name, std::uint64_t us, std::uint64_t times = 1);
  void add(const Tally& other);
  [[nodiscard]] std::size_t size() const { return uses_.size(); }
  [[nodiscard]] std::uint64_t total() const { return total_; }
  [[nodiscard]] std::uint64_t left_out() const { return left_out_; }
  [[nodiscard]] const Uses* find(std::string_view name) const;
  // Most first, then by name; at most `most`.
  [[nodiscard]] std::vector<std::pair<std::string, Uses>> sorted(
      std::size_t most = static_cast<std::size_t>(-1)) const;

 private:
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const {
      return std::hash<std::string_view>()(text);
    }
  };
  std::unordered_map<std::string, Uses, Hash, std::equal_to<>> uses_;
  std::uint64_t total_ = 0, left_out_ = 0;
};

}  // namespace keyward::report
