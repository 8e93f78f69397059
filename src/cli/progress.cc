#include "cli/progress.h"

#include <cstdio>
#include <string>
#include <unistd.h>

namespace keyward::cli {
namespace {

constexpr int kBarWidth = 40;

}  // namespace

ProgressBar::ProgressBar(bool wanted) : wanted_(wanted && isatty(STDERR_FILENO) == 1) {}

std::function<void(std::uint64_t, std::uint64_t)> ProgressBar::drawer() {
  if (!wanted_) return {};
  return [this](std::uint64_t done, std::uint64_t total) { draw(done, total); };
}

// Redrawn in place, so that the answer on standard output stays clean.
void ProgressBar::draw(std::uint64_t done, std::uint64_t total) {
  const int percent = total == 0 ? 100 : static_cast<int>(done * 100 / total);
  if (percent == percent_) return;
  percent_ = percent;
  const std::string bar(static_cast<std::size_t>(percent * kBarWidth / 100), '#');
  std::fprintf(stderr, "\r[%-*s] %3d %%", kBarWidth, bar.c_str(), percent);
  std::fflush(stderr);
}

void ProgressBar::erase() {
  if (percent_ < 0) return;
  std::fputs("\r\x1b[K", stderr);
  percent_ = -1;
}

}  // namespace keyward::cli
