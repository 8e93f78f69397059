// A bar on standard error for work that reads a trail, when somebody watches.
#pragma once

#include <cstdint>
#include <functional>

namespace keyward::cli {

class ProgressBar {
 public:
  // Draws nothing unless standard error is a terminal and `wanted`.
  explicit ProgressBar(bool wanted);
  ~ProgressBar() { erase(); }
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;
  // Empty when nothing is drawn.
  [[nodiscard]] std::function<void(std::uint64_t, std::uint64_t)> drawer();
  void erase();

 private:
  void draw(std::uint64_t done, std::uint64_t total);
  bool wanted_;
  int percent_ = -1;
};

}  // namespace keyward::cli
