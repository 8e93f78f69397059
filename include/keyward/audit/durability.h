// What a client may rely on when it holds the answer to a state-changing command.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace keyward::audit {

// Each promises what the one before does, and more.
enum class Durability : std::uint8_t {
  async,    // nothing: answers never wait, records may be lost and are then counted
  written,  // the record was handed to the kernel
  synced,   // the record is on the disk
  strict,   // and that the command was about to be sent was on the disk before it was
};

[[nodiscard]] constexpr std::string_view name(Durability level) {
  switch (level) {
    case Durability::async:
      return "async";
    case Durability::synced:
      return "synced";
    case Durability::strict:
      return "strict";
    default:
      return "written";
  }
}

[[nodiscard]] constexpr std::optional<Durability> durability_of(std::string_view text) {
  for (const Durability level :
       {Durability::async, Durability::written, Durability::synced, Durability::strict}) {
    if (text == name(level)) return level;
  }
  return std::nullopt;
}

}  // namespace keyward::audit
