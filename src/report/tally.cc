#include "keyward/report/tally.h"

namespace keyward::report {

void Tally::at(std::string_view name, std::uint64_t us, std::uint64_t times) {
  total_ += times;
  auto found = uses_.find(name);
  if (found == uses_.end()) {
    if (uses_.size() >= kMost) {
      left_out_ += times;
      return;
    }
    found = uses_.emplace(std::string(name), Uses{}).first;
  }
  found->second.at(us, times);
}

void Tally::add(const Tally& other) {
  total_ += other.total_;
  left_out_ += other.left_out_;
  for (const auto& [name, uses] : other.uses_) {
    auto found = uses_.find(name);
    if (found == uses_.end()) {
      if (uses_.size() >= kMost) {
        left_out_ += uses.count;
        continue;
      }
      found = uses_.emplace(name, Uses{}).first;
    }
    found->second.add(uses);
  }
}

const Uses* Tally::find(std::string_view name) const {
  const auto found = uses_.find(name);
  return found == uses_.end() ? nullptr : &found->second;
}

std::vector<std::pair<std::string, Uses>> Tally::sorted(std::size_t most) const {
  std::vector<std::pair<std::string, Uses>> out(uses_.begin(), uses_.end());
  std::sort(out.begin(), out.end(), [](const auto& a, const auto& b) {
    return a.second.count != b.second.count ? a.second.count > b.second.count : a.first < b.first;
  });
  if (out.size() > most) out.resize(most);
  return out;
}

}  // namespace keyward::report
