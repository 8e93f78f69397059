#include "keyward/base/diagnostics.h"

#include "keyward/base/ascii.h"

#include <algorithm>
#include <iterator>
#include <numeric>
#include <tuple>
#include <utility>

namespace keyward {
namespace {

// A file of nothing but mistakes must not cost more memory than the file itself.
constexpr std::size_t kKept = 1000;
// Longer words are no misspelt keys, and edit distance is quadratic.
constexpr std::size_t kLongestWord = 64;

// Room for one more; an error takes the place of the last warning, for it must not be lost among
// them.
bool make_room(std::vector<Diagnostic>& all, Diagnostic::Level level) {
  if (all.size() < kKept) return true;
  if (level == Diagnostic::Level::warning) return false;
  const auto warning = std::find_if(all.rbegin(), all.rend(), [](const Diagnostic& one) {
    return one.level == Diagnostic::Level::warning;
  });
  if (warning == all.rend()) return false;
  all.erase(std::next(warning).base());
  return true;
}

// Optimal string alignment distance (insert, delete, replace, swap neighbours), letter case
// ignored.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before(b.size() + 1);
  std::vector<std::size_t> above(b.size() + 1);
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(above.begin(), above.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const bool same = to_lower(a[i - 1]) == to_lower(b[j - 1]);
      row[j] = std::min({above[j] + 1, row[j - 1] + 1, above[j - 1] + (same ? 0U : 1U)});
      const bool swapped = i > 1 && j > 1 && to_lower(a[i - 1]) == to_lower(b[j - 2]) &&
                           to_lower(a[i - 2]) == to_lower(b[j - 1]);
      if (swapped) row[j] = std::min(row[j], before[j - 2] + 1);
    }
    before.swap(above);
    above.swap(row);
  }
  return above[b.size()];
}

}  // namespace

std::string Diagnostic::text() const {
  std::string out = file;
  if (line > 0) {
    out += ':' + std::to_string(line);
    if (column > 0) out += ':' + std::to_string(column);
  }
  if (!out.empty()) out += ": ";
  if (level == Level::warning) out += "warning: ";
  out += what;
  if (!instead.empty()) out += "; write: " + instead;
  return out;
}

void Diagnostics::error(std::string file, int line, int column, std::string what,
                        std::string instead) {
  ++errors_;
  if (!make_room(all_, Diagnostic::Level::error)) return;
  all_.push_back({Diagnostic::Level::error, std::move(file), line, column, std::move(what),
                  std::move(instead)});
}

void Diagnostics::warning(std::string file, int line, int column, std::string what,
                          std::string instead) {
  if (all_.size() >= kKept) return;
  all_.push_back({Diagnostic::Level::warning, std::move(file), line, column, std::move(what),
                  std::move(instead)});
}

void Diagnostics::append(const Diagnostics& other) {
  errors_ += other.errors_;
  for (const Diagnostic& one : other.all_) {
    if (make_room(all_, one.level)) all_.push_back(one);
  }
}

std::string Diagnostics::text() const {
  std::vector<const Diagnostic*> sorted;
  sorted.reserve(all_.size());
  for (const Diagnostic& one : all_) sorted.push_back(&one);
  std::stable_sort(sorted.begin(), sorted.end(), [](const Diagnostic* a, const Diagnostic* b) {
    return std::tie(a->file, a->line, a->column) < std::tie(b->file, b->line, b->column);
  });
  std::string out;
  for (const Diagnostic* one : sorted) out += one->text() + '\n';
  const auto kept = std::count_if(all_.begin(), all_.end(), [](const Diagnostic& one) {
    return one.level == Diagnostic::Level::error;
  });
  if (errors_ > kept) out += "... and " + std::to_string(errors_ - kept) + " more errors\n";
  return out;
}

std::string nearest(std::string_view word, const std::vector<std::string>& candidates) {
  if (word.empty() || word.size() > kLongestWord) return {};
  std::string best;
  std::size_t best_distance = std::max<std::size_t>(1, word.size() / 3) + 1;
  for (const std::string& candidate : candidates) {
    if (candidate.size() > kLongestWord) continue;
    const std::size_t d = distance(word, candidate);
    // A word made over entirely is another word, however short.
    if (d < best_distance && d < candidate.size()) {
      best_distance = d;
      best = candidate;
    }
  }
  return best;
}

}  // namespace keyward
