#include "cli/table.h"

#include "keyward/base/log.h"

#include <algorithm>

namespace keyward::cli {
namespace {

constexpr std::size_t kWidest = 64;

}  // namespace

std::string table(const std::vector<std::vector<std::string>>& rows) {
  std::vector<std::vector<std::string>> shown;
  std::vector<std::size_t> widths;
  for (const auto& row : rows) {
    auto& cells = shown.emplace_back();
    for (std::size_t column = 0; column < row.size(); ++column) {
      cells.push_back(log::printable(row[column], kWidest));
      if (column >= widths.size()) widths.push_back(0);
      widths[column] = std::max(widths[column], cells.back().size());
    }
  }
  std::string out;
  for (const auto& row : shown) {
    std::string line;
    for (std::size_t column = 0; column < row.size(); ++column) {
      line += row[column];
      if (column + 1 < row.size()) line.append(widths[column] - row[column].size() + 2, ' ');
    }
    out += (out.empty() ? "" : "\n") + line;
  }
  return out;
}

}  // namespace keyward::cli
