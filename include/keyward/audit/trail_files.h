// The segments of a trail: <directory>/<instance>.<stream>.<YYYYMMDDTHHMMSSZ>-<number>.jsonl,
// numbered from 1 in each stream. The number, not the time, gives the order: clocks step. With .zst
// behind the name it is compressed.
#pragma once

#include "keyward/base/clock.h"
#include "keyward/base/result.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace keyward::audit {

struct TrailFile {
  std::string path;  // where it is now
  std::string name;  // in records and reports: without .zst
  std::string instance, stream;
  std::uint64_t number = 0;
  bool compressed = false;
};

[[nodiscard]] bool valid_instance(
    std::string_view instance);  // letters, digits, '.', '_', '-'; at most 128
[[nodiscard]] bool valid_stream(std::string_view stream);  // as above without '.'; at most 64

[[nodiscard]] std::string file_name(std::string_view instance, std::string_view stream,
                                    WallTime started, std::uint64_t number);
[[nodiscard]] std::optional<TrailFile> parse_file_name(std::string_view name);

// Where the search index of a segment stands, plain or compressed; empty for another name.
[[nodiscard]] std::string index_file(std::string_view segment_path);

// All segments of all streams, sorted by instance, stream, number, name. Other files are none of
// ours. One that is there plain and compressed counts once, as the plain one: the other may be
// unfinished.
[[nodiscard]] Result<std::vector<TrailFile>> list_trail(const std::string& directory);

}  // namespace keyward::audit
