// What a command does to the data, as an activity of OCSF's Datastore Activity class.
#pragma once

#include <cstdint>
#include <string_view>

namespace keyward::audit {

enum class Activity : std::uint8_t {
  read = 1,
  update = 2,
  query = 4,
  write = 5,
  create = 6,
  remove = 7,
  list = 8,
  other = 99,
};

// By name where the name says more than "reads" or "writes"; `command` is the catalogue's
// lower-case name.
[[nodiscard]] Activity activity_of(std::string_view command, bool reads, bool writes);

}  // namespace keyward::audit
