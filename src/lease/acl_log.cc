#include "lease/acl_log.h"

#include <algorithm>
#include <charconv>
#include <string_view>
#include <utility>

namespace keyward::lease {
namespace {

using upstream::ControlReply;

// "age-seconds" is exact to a millisecond; the way here is not.
constexpr std::chrono::seconds kLater{1};

// An entry is a list of names and values.
const ControlReply* field(const ControlReply& entry, std::string_view name) {
  for (std::size_t i = 0; i + 1 < entry.elements.size(); i += 2) {
    if (entry.elements[i].text == name) return &entry.elements[i + 1];
  }
  return nullptr;
}

std::string text(const ControlReply& entry, std::string_view name) {
  const ControlReply* found = field(entry, name);
  return found == nullptr ? std::string() : found->text;
}

std::int64_t integer(const ControlReply& entry, std::string_view name) {
  const ControlReply* found = field(entry, name);
  return found == nullptr ? 0 : found->integer;
}

std::chrono::milliseconds age(const ControlReply& entry) {
  const std::string seconds = text(entry, "age-seconds");
  double value = 0;
  std::from_chars(seconds.data(), seconds.data() + seconds.size(), value);
  constexpr double kLongest = 1e9;
  return std::chrono::milliseconds(
      static_cast<std::int64_t>(std::clamp(value, 0.0, kLongest) * 1000.0));
}

// Lengths keep the parts apart.
std::string key_of(const ControlReply& entry, const AclTrip& trip) {
  if (const ControlReply* id = field(entry, "entry-id")) return std::to_string(id->integer);
  std::string key;
  for (const std::string* part : {&trip.reason, &trip.context, &trip.object, &trip.user})
    key += std::to_string(part->size()) + ":" + *part;
  return key;
}

}  // namespace

AclLogWatch::Entries AclLogWatch::read(const ControlReply& log, MonoTime now) const {
  Entries entries;
  for (const ControlReply& entry : log.elements) {
    AclTrip trip{text(entry, "username"), text(entry, "reason"), text(entry, "context"),
                 text(entry, "object"), 0};
    const bool by_script = trip.context == "lua" || trip.context == "script";
    if (by_script || !trip.user.starts_with(prefix_)) continue;
    const std::int64_t count = integer(entry, "count");
    Known& known = entries[key_of(entry, trip)];
    trip.count = known.trip.count + static_cast<std::uint64_t>(std::max<std::int64_t>(count, 1));
    known.trip = std::move(trip);
    known.newest = std::max(known.newest, now - age(entry));
  }
  return entries;
}

std::vector<AclTrip> AclLogWatch::observe(const ControlReply& log, MonoTime now) {
  Entries entries = read(log, now);
  std::vector<AclTrip> fresh;
  for (const auto& [key, entry] : entries) {
    const auto before = known_.find(key);
    AclTrip trip = entry.trip;
    if (before != known_.end()) {
      const std::uint64_t seen = before->second.trip.count;
      const bool later = entry.newest > before->second.newest + kLater;
      // Fewer than before: somebody emptied the log, or its older part fell off the end.
      if (trip.count <= seen && !later) continue;
      if (trip.count > seen) trip.count -= seen;
    }
    fresh.push_back(std::move(trip));
  }
  known_ = std::move(entries);
  if (std::exchange(first_, false)) return {};
  return fresh;
}

}  // namespace keyward::lease
