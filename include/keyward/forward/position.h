// How far a forwarder is, in a file of its own beside the trail: a restart goes on exactly there.
#pragma once

#include "keyward/audit/feed.h"
#include "keyward/base/result.h"

#include <map>
#include <string>
#include <string_view>

namespace keyward::forward {

struct Position {
  std::string instance{}, forwarder{}, destination{};
  std::uint64_t updated_us = 0;
  std::map<std::string, audit::Place> streams{};  // behind the last record that was received
};

[[nodiscard]] std::string position_file(const std::string& directory, const std::string& instance,
                                        const std::string& forwarder);
// A JSON line and a line with its SHA-256.
[[nodiscard]] std::string text_of(const Position& position);
[[nodiscard]] Result<Position> parse_position(std::string_view text);
// not_found when there is none; invalid when it is damaged.
[[nodiscard]] Result<Position> load_position(const std::string& path);
// 0600, replaced at once, and on the disk when it returns.
[[nodiscard]] Result<> save_position(const std::string& path, const Position& position);

}  // namespace keyward::forward
