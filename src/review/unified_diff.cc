#include "keyward/review/fmt.h"

#include <algorithm>
#include <cstdint>
#include <vector>

namespace keyward::review {
namespace {

constexpr std::size_t kContext = 3;
constexpr std::size_t kMostCells = std::size_t{16} << 20;

using Lines = std::vector<std::string_view>;

Lines lines_of(std::string_view text) {
  Lines out;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size() - 1);
    out.push_back(text.substr(0, end + 1));
    text.remove_prefix(end + 1);
  }
  return out;
}

struct Step {
  char mark;  // ' ', '-', '+'
  std::string_view line;
};

// The longest common lines by the book; too large a middle is replaced as a whole.
std::vector<Step> middle(const Lines& a, const Lines& b) {
  std::vector<Step> out;
  if ((a.size() + 1) * (b.size() + 1) > kMostCells) {
    for (const auto line : a) out.push_back({'-', line});
    for (const auto line : b) out.push_back({'+', line});
    return out;
  }
  const std::size_t width = b.size() + 1;
  std::vector<std::uint32_t> best((a.size() + 1) * width);
  for (std::size_t i = a.size(); i-- > 0;) {
    for (std::size_t j = b.size(); j-- > 0;) {
      best[i * width + j] = a[i] == b[j]
                                ? best[(i + 1) * width + j + 1] + 1
                                : std::max(best[(i + 1) * width + j], best[i * width + j + 1]);
    }
  }
  std::size_t i = 0;
  std::size_t j = 0;
  while (i < a.size() || j < b.size()) {
    if (i < a.size() && j < b.size() && a[i] == b[j]) {
      out.push_back({' ', a[i++]});
      ++j;
    } else if (j == b.size() ||
               (i < a.size() && best[(i + 1) * width + j] >= best[i * width + j + 1])) {
      out.push_back({'-', a[i++]});
    } else {
      out.push_back({'+', b[j++]});
    }
  }
  return out;
}

std::vector<Step> steps_of(Lines a, Lines b) {
  std::size_t head = 0;
  while (head < a.size() && head < b.size() && a[head] == b[head]) ++head;
  std::size_t tail = 0;
  while (tail < a.size() - head && tail < b.size() - head &&
         a[a.size() - 1 - tail] == b[b.size() - 1 - tail])
    ++tail;
  const auto cut = [&](const Lines& from) {
    return Lines(from.begin() + static_cast<std::ptrdiff_t>(head),
                 from.end() - static_cast<std::ptrdiff_t>(tail));
  };
  std::vector<Step> out;
  for (std::size_t i = 0; i < head; ++i) out.push_back({' ', a[i]});
  const std::vector<Step> changed = middle(cut(a), cut(b));
  out.insert(out.end(), changed.begin(), changed.end());
  for (std::size_t i = a.size() - tail; i < a.size(); ++i) out.push_back({' ', a[i]});
  return out;
}

}  // namespace

std::string unified_diff(std::string_view before, std::string_view after, const std::string& name) {
  if (before == after) return {};
  const std::vector<Step> steps = steps_of(lines_of(before), lines_of(after));
  std::string out = "--- " + name + "\n+++ " + name + " (formatted)\n";
  std::size_t old_line = 1;
  std::size_t new_line = 1;
  for (std::size_t i = 0; i < steps.size();) {
    std::size_t first = i;
    while (first < steps.size() && steps[first].mark == ' ') ++first;
    if (first == steps.size()) break;
    const std::size_t begin = std::max(i, first - std::min(first, kContext));
    old_line += begin - i;
    new_line += begin - i;
    std::size_t end = first;  // behind the last change that belongs to this piece
    for (std::size_t at = first; at < steps.size() && at < end + 2 * kContext + 1; ++at) {
      if (steps[at].mark != ' ') end = at + 1;
    }
    const std::size_t stop = std::min(end + kContext, steps.size());
    std::size_t old_count = 0;
    std::size_t new_count = 0;
    std::string body;
    for (std::size_t at = begin; at < stop; ++at) {
      old_count += steps[at].mark != '+' ? 1 : 0;
      new_count += steps[at].mark != '-' ? 1 : 0;
      body += steps[at].mark;
      body += steps[at].line;
      if (!steps[at].line.ends_with('\n')) body += "\n\\ No newline at end of file\n";
    }
    out += "@@ -" + std::to_string(old_line) + "," + std::to_string(old_count) + " +" +
           std::to_string(new_line) + "," + std::to_string(new_count) + " @@\n" + body;
    old_line += old_count;
    new_line += new_count;
    i = stop;
  }
  return out;
}

}  // namespace keyward::review
