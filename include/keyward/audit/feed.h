// The records of one instance for whoever passes them on: every stream in its order, from a place
// that was stored, through rotation, compression and removal of the files underneath.
#pragma once

#include "keyward/base/result.h"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace keyward::audit {

// Behind a record: what is needed to go on there.
struct Place {
  std::uint64_t segment = 0;   // the number of its file; 0 = before everything
  std::uint64_t offset = 0;    // in the text of that file
  std::uint64_t sequence = 0;  // of the record
  std::string hash{};          // hex SHA-256 of its line
  friend bool operator==(const Place&, const Place&) = default;
};

struct FedRecord {
  std::string stream, line, kind;
  std::uint64_t sequence = 0, time_us = 0;
  std::uint64_t segment = 0, end = 0;  // end: offset of the text behind it
  // In front of it the stream does not go on as it should: how many records are missing (0 when
  // that cannot be told) and why. Empty: all is well.
  std::uint64_t missed = 0;
  std::string broken{};

  [[nodiscard]] Place place() const;  // behind it
};

// Not for two threads at once. Memory: what one take() asks for, and a block per stream whose file
// is compressed.
class Feed {
 public:
  // `only`: that stream alone; empty = all of the instance.
  Feed(std::string directory, std::string instance, std::string only = {});
  ~Feed();
  Feed(Feed&&) noexcept;
  Feed& operator=(Feed&&) noexcept;

  // Before the first take(). Streams without a place are read from their oldest record.
  void go_on_behind(const std::string& stream, Place place);
  // Appends whole records, about as many bytes as asked for (one record may be more). False: there
  // was nothing new. Errors: the folder or a file cannot be read; ask again later.
  [[nodiscard]] Result<bool> take(std::size_t bytes, std::deque<FedRecord>& into);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// What there is of each stream of an instance.
struct StreamExtent {
  std::uint64_t newest = 0, newest_us = 0;  // sequence and time of the last record
  std::vector<std::pair<std::uint64_t, std::uint64_t>> files{};  // number, bytes on the disk
};
[[nodiscard]] Result<std::map<std::string, StreamExtent>> extents(const std::string& directory,
                                                                  const std::string& instance);

}  // namespace keyward::audit
