// Records as other programs take them: CSV by RFC 4180, the stored line with what it leaves out.
#pragma once

#include "keyward/base/result.h"
#include "keyward/trail/record.h"

#include <string>
#include <string_view>
#include <vector>

namespace keyward::trail {

// The names of all columns, in the order in which they stand when none are chosen.
[[nodiscard]] const std::vector<std::string_view>& column_names();

class CsvWriter {
 public:
  // Errors: a name that is no column, with those there are.
  [[nodiscard]] static Result<CsvWriter> with(const std::vector<std::string>& columns);

  // Both with CRLF at the end. A cell of text that a spreadsheet would take for a formula begins
  // with an apostrophe; control characters stand as \x0a, bytes that are not UTF-8 as the
  // characters U+0080 to U+00FF, and several names in a cell are divided by "; ".
  void append_heading(std::string& out) const;
  void append(const Record& record, std::string& out) const;

 private:
  std::vector<std::size_t> columns_;
};

// The line as it stands in the trail, and behind its members `joined` with what the `session`
// record says of it: {"principal", "lease_user", "policy_version", ...}. Without a newline.
void append_joined(const Record& record, std::string& out);

}  // namespace keyward::trail
