// A trail as a person reads it: one row per record, and a follower that finds new records by
// polling.
#pragma once

#include "keyward/base/result.h"

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace keyward::audit {

// time  outcome  who  what [rule] [reason]: printable ASCII only, whatever the record holds. Not a
// record: says so.
[[nodiscard]] std::string format_row(std::string_view line, bool colour);

// Whole lines of all streams of a directory, those of one poll in the order of their time.
class Follower {
 public:
  // Events are all records but those of kind `session`, which say what others leave out.
  enum class Show : std::uint8_t { events, everything };
  // The first poll gives the newest `last` records that are there already.
  Follower(std::string directory, std::size_t last, Show show = Show::events);

  // At most about 8 MiB at a time; poll again at once while it gives something. Errors: directory
  // or file unreadable.
  [[nodiscard]] Result<std::vector<std::string>> poll();

 private:
  Result<> skip_to_newest();

  std::string directory_;
  std::size_t last_;
  Show show_;
  bool started_ = false;
  std::map<std::string, std::uint64_t> offsets_;  // by file name: what has been given out
};

}  // namespace keyward::audit
