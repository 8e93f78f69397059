#include "command/key_walker.h"

#include "command/numbers.h"

#include "keyward/base/ascii.h"

namespace keyward::command {
namespace {

// Index behind the keyword; 0 = not there; -1 = there twice, so that Redis and we might mean
// different ones.
std::int64_t behind_keyword(const KeySpec& spec, const Arguments& arguments) {
  const auto total = static_cast<std::int64_t>(arguments.total);
  const bool forward = spec.begin_index > 0;
  const std::int64_t from = forward ? spec.begin_index : 1;
  const std::int64_t to = forward ? total : total + spec.begin_index + 1;
  std::int64_t found = 0;
  for (std::int64_t i = from; i < to && i < static_cast<std::int64_t>(arguments.args.size()); ++i) {
    if (!same_word(arguments.args[static_cast<std::size_t>(i)], spec.keyword)) continue;
    if (found != 0) return -1;
    found = i + 1;
  }
  return found;
}

}  // namespace

bool add_keys(const KeySpec& spec, const Arguments& arguments, bool zero_keys,
              std::vector<KeyUse>& out) {
  if (spec.not_key) return true;
  if (spec.incomplete) return false;
  const auto total = static_cast<std::int64_t>(arguments.total);
  const auto known = static_cast<std::int64_t>(arguments.args.size());
  std::int64_t first = spec.begin_index;
  if (spec.begin == KeySpec::Begin::keyword) {
    first = behind_keyword(spec, arguments);
    if (first == 0) return true;
  } else if (spec.begin != KeySpec::Begin::index) {
    return false;
  }
  if (first < 1) return false;

  std::int64_t last = 0;
  std::int64_t step = spec.step;
  if (spec.find == KeySpec::Find::range) {
    if (spec.last_key >= 0) {
      last = first + spec.last_key;
    } else if (spec.limit <= 1) {
      last = total + spec.last_key;
    } else {
      last = first + (total - first) / spec.limit + spec.last_key;
    }
  } else if (spec.find == KeySpec::Find::keynum) {
    const std::int64_t at = first + spec.keynum_index;
    if (at < 1 || at >= known) return false;
    const auto count = count_of(arguments.args[static_cast<std::size_t>(at)]);
    if (!count) return false;
    if (*count == 0) return zero_keys;
    step = spec.keynum_step;
    first += spec.first_key;
    last = first + (std::int64_t{*count} - 1) * step;
  } else {
    return false;
  }
  if (step < 1 || first < 1 || first >= total || last < first || last >= total) return false;
  for (std::int64_t i = first; i <= last && i < known; i += step) {
    out.push_back({static_cast<std::uint32_t>(i), spec.access});
  }
  return true;
}

}  // namespace keyward::command
