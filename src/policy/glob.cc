#include "keyward/policy/glob.h"

#include <cstddef>
#include <cstdint>

namespace keyward::policy {
namespace {

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
