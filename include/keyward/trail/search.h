// Finds the records of a query in a trail, in the order of their time, on several threads.
#pragma once

#include "keyward/audit/lines.h"
#include "keyward/base/result.h"
#include "keyward/trail/query.h"
#include "keyward/trail/record.h"

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace keyward::trail {

struct SearchOptions {
  unsigned threads = 0;     // 0 = one per core
  bool use_indexes = true;  // false: nothing but the records themselves is believed or written
  std::uint64_t limit = 0;  // the oldest so many; 0 = all
  audit::Progress progress{};
};

struct SearchCounts {
  std::uint64_t found = 0;
  std::uint64_t segments = 0;
  std::uint64_t blocks = 0, blocks_read = 0;  // of about 1 MiB of text
  std::uint64_t indexes_written = 0;
  std::uint64_t unreadable = 0;       // lines that are no record, in what was read
  std::vector<std::string> failed;    // files that could not be read, and why
  std::vector<std::string> rejected;  // indexes that were not used, and why
};

// `write` makes the text of one record and may be called on several threads at once; it may be
// empty, to count. `take` gets the texts on the calling thread, in the order of time (of equal
// times in that of the files); false ends the search. Errors: a path that is not there, a folder
// without a trail.
[[nodiscard]] Result<SearchCounts> search(
    const std::vector<std::string>& paths, const Query& query, const SearchOptions& options,
    const std::function<void(const Record&, std::string& out)>& write,
    const std::function<bool(std::string_view)>& take);

// There is an index beside the segment, and it is of a text of that size.
[[nodiscard]] bool has_index(const std::string& segment_path);
// The index beside a closed segment, made anew; `between` is called after every part that was read.
// Errors: the segment or the folder says no.
[[nodiscard]] Result<> write_index(const std::string& segment_path,
                                   const std::function<void()>& between = {});

}  // namespace keyward::trail
