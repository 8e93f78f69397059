// The files of a trail: <directory>/<instance>.<stream>.<YYYYMMDDTHHMMSSZ>-<number>.jsonl, numbered
// from 1 in each stream. The number, not the time, gives the order: clocks step.
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
  std::string path, name;
  std::string instance, stream;
  std::uint64_t number = 0;
};

[[nodiscard]] bool valid_instance(
    std::string_view instance);  // letters, digits, '.', '_', '-'; at most 128
[[nodiscard]] bool valid_stream(std::string_view stream);  // as above without '.'; at most 64

[[nodiscard]] std::string file_name(std::string_view instance, std::string_view stream,
                                    WallTime started, std::uint64_t number);
[[nodiscard]] std::optional<TrailFile> parse_file_name(std::string_view name);

// All files of all streams, sorted by instance, stream, number, name. Other files are none of ours.
[[nodiscard]] Result<std::vector<TrailFile>> list_trail(const std::string& directory);

}  // namespace keyward::audit
