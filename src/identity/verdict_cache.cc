#include "identity/verdict_cache.h"

#include <utility>

namespace keyward::identity {

VerdictCache::Entry* VerdictCache::find(const Digest& token, WallTime now) {
  const auto place = places_.find(token);
  if (place == places_.end()) return nullptr;
  Entry& entry = *place->second;
  // The wall clock may have stepped either way since the verdict.
  if (now < entry.valid_from || now >= entry.valid_until) {
    entries_.erase(place->second);
    places_.erase(place);
    return nullptr;
  }
  entries_.splice(entries_.begin(), entries_, place->second);
  return &entry;
}

void VerdictCache::put(Entry entry) {
  const Digest token = entry.token;
  if (const auto place = places_.find(token); place != places_.end()) {
    *place->second = std::move(entry);
    return;
  }
  if (places_.size() >= capacity_) {
    places_.erase(entries_.back().token);
    entries_.pop_back();
  }
  entries_.push_front(std::move(entry));
  places_.emplace(token, entries_.begin());
}

void VerdictCache::purge_issuer(std::size_t issuer) {
  for (auto at = entries_.begin(); at != entries_.end();) {
    if (at->issuer == issuer) {
      places_.erase(at->token);
      at = entries_.erase(at);
    } else {
      ++at;
    }
  }
}

}  // namespace keyward::identity
