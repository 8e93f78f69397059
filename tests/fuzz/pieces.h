// Cuts bytes into pieces, small ones mostly, in a way that the bytes themselves decide: a finding
// repeats.
#pragma once

#include <cstddef>
#include <random>
#include <string_view>
#include <vector>

inline std::vector<std::string_view> pieces_of(std::string_view bytes) {
  std::minstd_rand random(static_cast<unsigned>(std::hash<std::string_view>{}(bytes) | 1U));
  std::vector<std::string_view> pieces;
  while (!bytes.empty()) {
    const std::size_t size = random() % 4 == 0 ? 1 + random() % 64 : 1 + random() % 3;
    pieces.push_back(bytes.substr(0, size));
    bytes.remove_prefix(pieces.back().size());
  }
  return pieces;
}
