#include "keyward/base/glob.h"

#include <algorithm>
#include <cstddef>

namespace keyward {
namespace {

// redis util.c stringmatchlen recurses once per `*` and gives up below this depth (CVE-2024-31228).
constexpr int kMostStars = 1000;

// Redis compares ranges as plain `char`, which is signed where it is commonly built.
int ordered(char c) { return static_cast<signed char>(c); }

// Whether the class that starts behind `[` at `at` takes `c`; moves `at` to the last byte that
// belongs to the class. Keeps Redis's readings of malformed classes: an unclosed one ends with the
// pattern, `]` may be the end of a range.
bool class_takes(std::string_view pattern, std::size_t& at, char c) {
  const std::size_t size = pattern.size();
  const bool negated = at < size && pattern[at] == '^';
  if (negated) ++at;
  bool found = false;
  while (true) {
    const std::size_t left = size - at;
    if (left >= 2 && pattern[at] == '\\') {
      ++at;
      if (pattern[at] == c) found = true;
    } else if (left >= 1 && pattern[at] == ']') {
      break;
    } else if (left == 0) {
      --at;
      break;
    } else if (left >= 3 && pattern[at + 1] == '-') {
      const int from = ordered(pattern[at]);
      const int to = ordered(pattern[at + 2]);
      at += 2;
      if (ordered(c) >= std::min(from, to) && ordered(c) <= std::max(from, to)) found = true;
    } else if (pattern[at] == c) {
      found = true;
    }
    ++at;
  }
  return found != negated;
}

// One step of the pattern other than `*` against one byte; moves `at` behind the step.
bool step_takes(std::string_view pattern, std::size_t& at, char c) {
  switch (pattern[at]) {
    case '?':
      ++at;
      return true;
    case '[': {
      ++at;
      const bool taken = class_takes(pattern, at, c);
      ++at;
      return taken;
    }
    case '\\':
      if (pattern.size() - at >= 2) ++at;
      [[fallthrough]];
    default:
      return pattern[at++] == c;
  }
}

}  // namespace

bool glob_match(std::string_view pattern, std::string_view text) {
  std::size_t p = 0;
  std::size_t t = 0;
  // Only the last `*` is ever retried: where the rest of the pattern fits nowhere behind it, moving
  // an earlier `*` cannot help (stringmatchlen's skipLongerMatches says the same).
  std::size_t after_star = std::string_view::npos;
  std::size_t star_text = 0;
  int stars = 0;
  while (true) {
    bool mismatch = false;
    while (p < pattern.size() && t < text.size()) {
      if (pattern[p] == '*') {
        while (p + 1 < pattern.size() && pattern[p + 1] == '*') ++p;
        if (++p == pattern.size()) return true;
        if (++stars > kMostStars) return false;
        after_star = p;
        star_text = t;
        continue;
      }
      if (!step_takes(pattern, p, text[t])) {
        mismatch = true;
        break;
      }
      ++t;
      if (t == text.size()) {
        while (p < pattern.size() && pattern[p] == '*') ++p;
      }
    }
    if (!mismatch && p >= pattern.size() && t == text.size()) return true;
    if (after_star == std::string_view::npos || ++star_text >= text.size()) return false;
    p = after_star;
    t = star_text;
  }
}

}  // namespace keyward
