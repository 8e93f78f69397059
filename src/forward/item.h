// One record on its way, with the few facts that envelopes need.
#pragma once

#include "keyward/audit/feed.h"

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace keyward::forward {

struct Item {
  std::string line{};    // as it stands in the trail
  std::string shaped{};  // the same in another schema; empty: as it stands
  std::string uid{};     // metadata.uid
  std::string stream{}, kind{};
  std::uint64_t sequence = 0, time_us = 0;
  int severity = 1;      // severity_id of OCSF
  bool failed = false;   // denied, or status Failure
  bool in_trail = true;  // false: said by the forwarder itself
  audit::Place place{};  // behind it; without its hash

  [[nodiscard]] std::string_view document() const { return shaped.empty() ? line : shaped; }
  [[nodiscard]] std::size_t bytes() const { return line.size() + shaped.size(); }
};
using Items = std::span<const Item>;

[[nodiscard]] Item make_item(audit::FedRecord&& record, std::string_view instance);

// That records of the stream could not be sent, as a record of OCSF class 6002 for the receiver.
struct Gap {
  std::string_view instance, stream, forwarder, why;
  std::uint64_t before = 0;  // the record in front of which they are missing
  std::uint64_t missed = 0;  // 0 = not known how many
  std::uint64_t time_us = 0;
};
[[nodiscard]] Item gap_item(const Gap& gap);

// 2027-01-15T08:00:00.123456Z
[[nodiscard]] std::string rfc3339(std::uint64_t time_us);

}  // namespace keyward::forward
