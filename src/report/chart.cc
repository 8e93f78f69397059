#include "report/chart.h"

#include <algorithm>
#include <fmt/format.h>

namespace keyward::report {
namespace {

constexpr double kWidth = 960, kHeight = 150, kLeft = 64, kRight = 8, kTop = 8, kBottom = 22;
constexpr double kInner = kWidth - kLeft - kRight, kDepth = kHeight - kTop - kBottom;

std::string px(double value) { return fmt::format("{:.1f}", value); }

std::uint64_t tallest(const Chart& chart, std::size_t steps) {
  std::uint64_t most = 0;
  for (std::size_t i = 0; i < steps; ++i) {
    std::uint64_t sum = 0;
    for (const Series& one : chart.series) sum += i < one.values.size() ? one.values[i] : 0;
    most = std::max(most, sum);
  }
  return most;
}

std::uint64_t total(const Series& series) {
  std::uint64_t out = 0;
  for (const std::uint64_t value : series.values) out += value;
  return out;
}

std::string label(std::uint64_t us, std::uint64_t step_us) {
  const std::string full = shown(moment_cell(us));
  return step_us >= 86'400'000'000ULL ? full.substr(0, 10) : full.substr(0, 16);
}

void scale(const Chart& chart, std::uint64_t top, std::size_t steps, Markup& out) {
  for (const std::uint64_t value : {std::uint64_t{0}, top / 2, top}) {
    const double y = kTop + kDepth * (1 - static_cast<double>(value) / static_cast<double>(top));
    out.lone("line", {{"class", value == 0 ? "axis" : "grid"},
                      {"x1", px(kLeft)},
                      {"x2", px(kWidth - kRight)},
                      {"y1", px(y)},
                      {"y2", px(y)}});
    out.element("text", shown(count_cell(value)),
                {{"x", px(kLeft - 8)}, {"y", px(y + 4)}, {"text-anchor", "end"}});
  }
  const auto at = [&](std::size_t step) { return chart.begin_us + step * chart.step_us; };
  out.element("text", label(at(0), chart.step_us), {{"x", px(kLeft)}, {"y", px(kHeight - 5)}});
  if (steps < 3) return;
  out.element("text", label(at(steps / 2), chart.step_us),
              {{"x", px(kLeft + kInner / 2)}, {"y", px(kHeight - 5)}, {"text-anchor", "middle"}});
  out.element("text", label(at(steps - 1), chart.step_us),
              {{"x", px(kWidth - kRight)}, {"y", px(kHeight - 5)}, {"text-anchor", "end"}});
}

void bars(const Chart& chart, std::uint64_t top, std::size_t steps, Markup& out) {
  const double width = kInner / static_cast<double>(steps);
  const double gap = width > 6 ? 1.5 : width > 3 ? 0.5 : 0;
  for (std::size_t i = 0; i < steps; ++i) {
    double y = kTop + kDepth;
    for (std::size_t s = 0; s < chart.series.size(); ++s) {
      const auto& values = chart.series[s].values;
      if (i >= values.size() || values[i] == 0) continue;
      const double height =
          std::max(1.0, kDepth * static_cast<double>(values[i]) / static_cast<double>(top));
      y -= height;
      out.open("rect", {{"class", fmt::format("s{}", s)},
                        {"x", px(kLeft + width * static_cast<double>(i) + gap / 2)},
                        {"y", px(y)},
                        {"width", px(std::min(width - gap, 48.0))},
                        {"height", px(height)}});
      out.element("title",
                  fmt::format("{}: {} {}", label(chart.begin_us + i * chart.step_us, chart.step_us),
                              shown(count_cell(values[i])), chart.series[s].name));
      out.close();
    }
  }
}

}  // namespace

std::uint64_t round_up(std::uint64_t value) {
  for (std::uint64_t power = 1;; power *= 10) {
    for (const std::uint64_t digit : {1ULL, 2ULL, 5ULL}) {
      if (digit * power >= value) return digit * power;
    }
  }
}

void draw(const Chart& chart, Markup& out) {
  std::size_t steps = 1;
  for (const Series& one : chart.series) steps = std::max(steps, one.values.size());
  const std::uint64_t top = round_up(std::max<std::uint64_t>(2, tallest(chart, steps)));
  std::string told = chart.title;
  for (const Series& one : chart.series)
    told += fmt::format("; {} {}", shown(count_cell(total(one))), one.name);
  out.open("figure").element("figcaption", chart.title);
  out.open("svg", {{"viewBox", fmt::format("0 0 {} {}", kWidth, kHeight)},
                   {"role", "img"},
                   {"aria-label", told},
                   {"preserveAspectRatio", "xMinYMin meet"}});
  scale(chart, top, steps, out);
  bars(chart, top, steps, out);
  out.close();
  out.open("ul", {{"class", "legend"}});
  for (std::size_t s = 0; s < chart.series.size(); ++s) {
    out.open("li").open("svg", {{"viewBox", "0 0 10 10"}, {"aria-hidden", "true"}});
    out.lone("rect", {{"class", fmt::format("s{}", s)}, {"width", "10"}, {"height", "10"}}).close();
    out.open("bdi").text(chart.series[s].name).close();
    out.text(" " + shown(count_cell(total(chart.series[s])))).close();
  }
  out.close().close().newline();
}

}  // namespace keyward::report
