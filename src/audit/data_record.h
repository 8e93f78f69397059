// The records there are millions of: commands and refusals, OCSF class 6005. They say who, from
// where, what, by which rule and how it ended; the `session` record before them says the rest.
//
// What is the same for a session comes first, so that it is rendered and hashed once (Opening);
// line_head.h finds the chain's fields behind it. Only lines of commands that went well begin with
// exactly the opening.
#pragma once

#include "audit/opening.h"
#include "audit/place.h"

#include "keyward/audit/event.h"

#include <cstdint>
#include <string>
#include <string_view>

namespace keyward::audit {

class DataRecords {
 public:
  // `redis_label` is the node that a record need not name.
  DataRecords(std::string_view instance, std::string_view stream, std::string_view redis_label);

  [[nodiscard]] Opening open(const Subject& subject, std::uint32_t db, std::uint64_t chapter) const;
  // Writes at `at`, where there is room for kLineLimit bytes; answers the end.
  [[nodiscard]] char* write(char* at, const Event& event, const RecordPlace& place,
                            const Opening& opening) const;

 private:
  char* put_facts(char* at, const Event& event, const RecordPlace& place) const;

  std::string metadata_;  // up to the record's number
  std::string node_;
};

// True for the kinds of records that this writes.
[[nodiscard]] constexpr bool about_data(Kind kind) {
  return kind == Kind::command || kind == Kind::denial || kind == Kind::intent;
}

// True when the line begins with the opening, byte for byte.
[[nodiscard]] inline bool went_well(const Event& event) {
  return event.kind == Kind::command && event.outcome == Outcome::ok;
}

}  // namespace keyward::audit
