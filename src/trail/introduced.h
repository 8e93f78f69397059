// A `session` record that was read, and what it completes.
#pragma once

#include "keyward/trail/record.h"

#include <memory>
#include <string>

namespace keyward::trail {

struct Introduced {
  std::string line;
  RecordParser parser;
  Record record;  // of `line`
};

// Null when the record is none of a session.
[[nodiscard]] std::unique_ptr<Introduced> introduce(const Record& record);

void complete(Record& record, const Record& session);

}  // namespace keyward::trail
