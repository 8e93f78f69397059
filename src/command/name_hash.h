// Hash of a command name without regard to case, quick for the few bytes such names have.
#pragma once

#include <cstdint>
#include <cstring>
#include <string_view>

namespace keyward::command {

inline constexpr std::size_t kMaxName = 128;  // longer names are nobody's

// At most seven bytes as one number; different for different texts of one length.
inline std::uint64_t last_word(std::string_view text) {
  if (text.size() >= 4) {  // two reads that may overlap
    std::uint32_t front = 0;
    std::uint32_t back = 0;
    std::memcpy(&front, text.data(), 4);
    std::memcpy(&back, text.data() + text.size() - 4, 4);
    return static_cast<std::uint64_t>(front) << 32 | back;
  }
  if (text.empty()) return 0;
  const auto at = [&](std::size_t i) -> std::uint64_t { return static_cast<unsigned char>(text[i]); };
  return at(0) << 16 | at(text.size() / 2) << 8 | at(text.size() - 1);
}

// Setting bit 5 folds the case of letters (and some other bytes onto each other, which only costs a
// comparison).
inline std::uint32_t name_hash(std::uint32_t seed, std::string_view name) {
  constexpr std::uint64_t kFold = 0x2020202020202020ULL;
  constexpr std::uint64_t kMix = 0x9E3779B97F4A7C15ULL;
  std::uint64_t hash = (static_cast<std::uint64_t>(seed) << 8 | name.size()) * kMix;
  while (name.size() >= 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, name.data(), 8);
    hash = (hash ^ (word | kFold)) * kMix;
    hash ^= hash >> 29;
    name.remove_prefix(8);
  }
  hash = (hash ^ (last_word(name) | kFold)) * kMix;
  return static_cast<std::uint32_t>(hash >> 32);
}

}  // namespace keyward::command
