#include "keyward/audit/repeats.h"

#include <algorithm>

namespace keyward::audit {

Repeats::Kind& Repeats::kind_of(const Like& like, MonoTime now) {
  const auto found = std::find_if(kinds_.begin(), kinds_.end(), [&](const Kind& kind) {
    return kind.row.reason == like.reason && kind.row.line == like.line &&
           kind.row.grant == like.grant && kind.row.file == like.file;
  });
  if (found != kinds_.end()) return *found;
  if (kinds_.size() == kMostKinds) return kinds_.back();
  Kind kind;
  const bool last = kinds_.size() + 1 == kMostKinds;
  kind.row.reason = last ? std::string_view("several") : like.reason;
  if (!last) {
    kind.row.grant = like.grant;
    kind.row.file = like.file;
    kind.row.line = like.line;
  }
  kind.began = now;
  return kinds_.emplace_back(std::move(kind));
}

bool Repeats::recorded(const Like& like, std::uint64_t number, MonoTime now, WallTime wall) {
  Kind& kind = kind_of(like, now);
  // What was counted before stays until take(): a period may be longer, and never loses anything.
  if (kind.row.count == 0 && now - kind.began >= kPeriod) {
    kind.told = 0;
    kind.began = now;
  }
  if (kind.told < kRecorded) {
    ++kind.told;
    return true;
  }
  if (kind.row.count++ == 0) {
    kind.row.first = number;
    kind.row.since = wall;
  }
  kind.row.last = number;
  return false;
}

void Repeats::take(MonoTime now, const std::function<void(const Row&)>& tell) {
  std::erase_if(kinds_, [&](const Kind& kind) {
    if (now != MonoTime::max() && now - kind.began < kPeriod) return false;
    if (kind.row.count > 0) tell(kind.row);
    return true;
  });
}

}  // namespace keyward::audit
