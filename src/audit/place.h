// Where a record stands in its stream.
#pragma once

#include "audit/digits.h"

#include <string_view>

namespace keyward::audit {

struct RecordPlace {
  Digits sequence{};
  std::string_view prev{};  // 64 hex digits
  Digits time{};            // microseconds; never before the previous record's
  Digits clock{};           // what the clock really said
};

// Of a time in microseconds: the whole milliseconds.
[[nodiscard]] inline std::string_view milliseconds_of(const Digits& time) {
  const std::string_view text = time.text();
  return text.size() > 3 ? text.substr(0, text.size() - 3) : std::string_view("0");
}

}  // namespace keyward::audit
