// How many different names there are, without keeping them: exact while there are few, else an
// estimate from the smallest hashes.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <string_view>
#include <vector>

namespace keyward::review {

class Distinct {
 public:
  static constexpr std::size_t kKept = 256;

  void add(std::string_view name) { add(hash(name)); }
  void add(const Distinct& other) {
    for (const std::uint64_t one : other.smallest_) add(one);
    full_ = full_ || other.full_;
  }
  [[nodiscard]] bool exact() const { return !full_; }
  [[nodiscard]] std::uint64_t count() const {
    if (!full_) return smallest_.size();
    const double part = static_cast<double>(smallest_.back()) /
                        static_cast<double>(std::numeric_limits<std::uint64_t>::max());
    return static_cast<std::uint64_t>(static_cast<double>(smallest_.size() - 1) / part);
  }

 private:
  // FNV-1a, then mixed: its upper bits alone are not even enough.
  static std::uint64_t hash(std::string_view name) {
    std::uint64_t value = 14695981039346656037ULL;
    for (const char c : name) {
      value ^= static_cast<unsigned char>(c);
      value *= 1099511628211ULL;
    }
    value ^= value >> 33U;
    value *= 0xff51afd7ed558ccdULL;
    value ^= value >> 33U;
    value *= 0xc4ceb9fe1a85ec53ULL;
    return value ^ (value >> 33U);
  }
  void add(std::uint64_t value) {
    if (smallest_.size() == kKept && value >= smallest_.back()) {
      full_ = full_ || value != smallest_.back();
      return;
    }
    const auto at = std::lower_bound(smallest_.begin(), smallest_.end(), value);
    if (at != smallest_.end() && *at == value) return;
    smallest_.insert(at, value);
    if (smallest_.size() <= kKept) return;
    smallest_.pop_back();
    full_ = true;
  }

  std::vector<std::uint64_t> smallest_;  // sorted
  bool full_ = false;
};

}  // namespace keyward::review
