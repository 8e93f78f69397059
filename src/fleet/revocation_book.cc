#include "fleet/revocation_book.h"

#include <algorithm>
#include <utility>

namespace keyward::fleet {
namespace {

// Further apart than this clocks are not; what is heard later was said long ago.
constexpr std::chrono::minutes kClockSkew{1};

}  // namespace

RevocationBook::News RevocationBook::merge(RevocationEntry entry, WallTime now) {
  if (entry.what.until <= now) return News::none;
  const std::string id = entry.what.id;
  const auto known = known_.find(id);
  if (known == known_.end()) {
    const bool active = !entry.lifted;
    const WallTime at = entry.what.at;
    const WallTime heard = std::clamp(now, at, at + WallTime::duration(kClockSkew));
    known_.emplace(id, Known{std::move(entry), heard});
    active_ += active ? 1 : 0;
    return active ? News::added : News::none;
  }
  std::optional<RevocationEntry::Lift>& lifted = known->second.entry.lifted;
  if (!entry.lifted || lifted) return News::none;
  lifted = std::move(entry.lifted);
  --active_;
  return News::lifted;
}

bool RevocationBook::expire(WallTime now) {
  const std::size_t gone = std::erase_if(known_, [&](const auto& one) {
    const bool over = one.second.entry.what.until <= now;
    if (over && !one.second.entry.lifted) --active_;
    return over;
  });
  return gone > 0;
}

const RevocationEntry* RevocationBook::find(const std::string& id) const {
  const auto found = known_.find(id);
  return found == known_.end() ? nullptr : &found->second.entry;
}

std::vector<RevocationEntry> RevocationBook::list() const {
  std::vector<RevocationEntry> out;
  out.reserve(known_.size());
  for (const auto& [id, known] : known_) out.push_back(known.entry);
  std::stable_sort(out.begin(), out.end(),
                   [](const auto& one, const auto& other) { return one.what.at < other.what.at; });
  return out;
}

Revocations::Denials RevocationBook::denials() const {
  std::vector<identity::Revocation> out;
  out.reserve(active_);
  for (const auto& [id, known] : known_) {
    if (known.entry.lifted) continue;
    out.push_back(known.entry.what);
    out.back().at = known.heard;
  }
  return std::make_shared<const identity::DenyList>(std::move(out));
}

}  // namespace keyward::fleet
