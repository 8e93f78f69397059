#include "policy/pattern.h"
#include "policy/territory.h"

#include <algorithm>
#include <deque>

namespace keyward::policy {
namespace {

using Step = NameSet::Step;

// A class of more bytes says nothing of how a name begins.
constexpr std::size_t kFewBytes = 16;

std::size_t index_of(char c) { return static_cast<std::uint8_t>(c); }

std::bitset<256> one(char c) {
  std::bitset<256> out;
  out.set(index_of(c));
  return out;
}

std::bitset<256> of_values() {
  std::bitset<256> out;
  for (std::size_t byte = 0; byte < 256; ++byte) {
    if (plain_value(std::string(1, static_cast<char>(byte)))) out.set(byte);
  }
  return out;
}

// The class behind '[' at `at`, as redis util.c stringmatchlen reads it; leaves `at` behind it.
std::bitset<256> class_at(std::string_view glob, std::size_t& at) {
  std::bitset<256> out;
  const bool negated = at < glob.size() && glob[at] == '^';
  if (negated) ++at;
  for (; at < glob.size() && glob[at] != ']'; ++at) {
    if (glob[at] == '\\' && at + 1 < glob.size()) {
      out.set(index_of(glob[++at]));
    } else if (at + 2 < glob.size() && glob[at + 1] == '-') {
      // Redis compares signed bytes.
      const int from = static_cast<signed char>(glob[at]);
      const int to = static_cast<signed char>(glob[at + 2]);
      for (int byte = std::min(from, to); byte <= std::max(from, to); ++byte)
        out.set(index_of(static_cast<char>(byte)));
      at += 2;
    } else {
      out.set(index_of(glob[at]));
    }
  }
  if (at < glob.size()) ++at;
  return negated ? ~out : out;
}

void add_glob(std::string_view glob, NameSet& out) {
  for (std::size_t at = 0; at < glob.size();) {
    const char c = glob[at++];
    if (c == '*') {
      out.steps.push_back({~std::bitset<256>(), true});
    } else if (c == '?') {
      out.steps.push_back({~std::bitset<256>(), false});
    } else if (c == '[') {
      out.steps.push_back({class_at(glob, at), false});
    } else {
      out.steps.push_back({one(c == '\\' && at < glob.size() ? glob[at++] : c), false});
    }
  }
}

void add_pattern(const Pattern& pattern, NameSet& out) {
  static const std::bitset<256> kValues = of_values();
  for (const Pattern::Piece& piece : pattern.pieces) {
    if (piece.is_template) {
      out.steps.push_back({kValues, false});
      out.steps.push_back({kValues, true});
    } else {
      add_glob(piece.text, out);
    }
  }
}

NameSet finished(NameSet set) {
  for (const Step& step : set.steps) {
    if (step.repeats || step.bytes.count() != 1) break;
    std::size_t byte = 0;
    while (!step.bytes.test(byte)) ++byte;
    set.head += static_cast<char>(byte);
  }
  return set;
}

}  // namespace

NameSet names_of(const Pattern& pattern) {
  NameSet out;
  add_pattern(pattern, out);
  return finished(std::move(out));
}

NameSet names_below(const Pattern& name_space, const Pattern* pattern) {
  NameSet out;
  add_pattern(name_space, out);
  if (pattern != nullptr) {
    add_pattern(*pattern, out);
  } else {
    add_glob("*", out);
  }
  return finished(std::move(out));
}

bool begins_anyhow(const NameSet& names) {
  return names.steps.empty() || names.steps.front().repeats ||
         names.steps.front().bytes.count() > kFewBytes;
}

// Walks both at once: a pair of places is reached when some beginning of a name leads to both.
bool overlap(const NameSet& a, const NameSet& b) {
  const std::size_t shorter = std::min(a.head.size(), b.head.size());
  if (a.head.compare(0, shorter, b.head, 0, shorter) != 0) return false;
  const std::size_t width = b.steps.size() + 1;
  std::vector<bool> seen((a.steps.size() + 1) * width);
  std::deque<std::pair<std::size_t, std::size_t>> open;
  const auto reach = [&](std::size_t i, std::size_t j) {
    if (seen[i * width + j]) return;
    seen[i * width + j] = true;
    open.emplace_back(i, j);
  };
  reach(0, 0);
  while (!open.empty()) {
    const auto [i, j] = open.front();
    open.pop_front();
    if (i == a.steps.size() && j == b.steps.size()) return true;
    const bool more_a = i < a.steps.size();
    const bool more_b = j < b.steps.size();
    if (more_a && a.steps[i].repeats) reach(i + 1, j);
    if (more_b && b.steps[j].repeats) reach(i, j + 1);
    if (!more_a || !more_b || (a.steps[i].bytes & b.steps[j].bytes).none()) continue;
    reach(a.steps[i].repeats ? i : i + 1, b.steps[j].repeats ? j : j + 1);
  }
  return false;
}

bool reaches_own_keys(std::string_view glob) {
  const std::size_t wild = std::min(glob.find_first_of("*?[\\"), glob.size());
  const std::size_t shorter = std::min(wild, kOwnKeys.size());
  if (glob.substr(0, shorter) != kOwnKeys.substr(0, shorter)) return false;
  NameSet names;
  add_glob(glob, names);
  if (begins_anyhow(names)) return false;
  NameSet own;
  add_glob(kOwnKeys, own);
  add_glob("*", own);
  return overlap(names, own);
}

}  // namespace keyward::policy
