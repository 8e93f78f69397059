#include "keyward/policy/glob.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace keyward::policy {
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

// A step of a pattern: a byte that stands for itself, any one byte, or anything at all.
constexpr int kAnyByte = -1;
constexpr int kAnything = -2;

// Reads a pattern step by step. A class, and whatever follows it, is `anything`: more than it says.
class StepReader {
 public:
  explicit StepReader(std::string_view pattern) : pattern_(pattern) {}
  [[nodiscard]] bool done() const { return at_ == pattern_.size(); }
  [[nodiscard]] bool at_class() const { return !done() && pattern_[at_] == '['; }
  int next() {
    const char c = pattern_[at_];
    if (c == '[') {
      at_ = pattern_.size();
      return kAnything;
    }
    if (c == '\\' && pattern_.size() - at_ >= 2) ++at_;
    const char literal = pattern_[at_++];
    if (c == '*') return kAnything;
    if (c == '?') return kAnyByte;
    return static_cast<std::uint8_t>(literal);
  }

 private:
  std::string_view pattern_;
  std::size_t at_ = 0;
};

// Whether one step of the outer pattern, no star, takes one of the inner.
bool step_contains(int outer, int inner) {
  return outer == inner || (outer == kAnyByte && inner != kAnything);
}

bool only_stars(std::string_view pattern) {
  return !pattern.empty() && pattern.find_first_not_of('*') == std::string_view::npos;
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

// The outer pattern is matched against the inner one's steps as if they were text: what the inner
// leaves open, only a star of the outer takes.
bool glob_contains(std::string_view outer, std::string_view inner) {
  if (outer == inner || only_stars(outer)) return true;
  StepReader ours(outer);
  StepReader theirs(inner);
  StepReader after_star(outer);
  StepReader star_theirs(inner);
  bool star = false;
  while (true) {
    if (ours.at_class()) return false;
    StepReader ours_next = ours;
    const bool more = !ours.done();
    const int want = more ? ours_next.next() : 0;
    if (more && want == kAnything) {
      star = true;
      after_star = ours = ours_next;
      star_theirs = theirs;
      if (ours.done()) return true;
      continue;
    }
    if (theirs.done()) return !more;
    StepReader theirs_next = theirs;
    if (more && step_contains(want, theirs_next.next())) {
      ours = ours_next;
      theirs = theirs_next;
      continue;
    }
    if (!star) return false;
    (void)star_theirs.next();
    ours = after_star;
    theirs = star_theirs;
  }
}

}  // namespace keyward::policy
