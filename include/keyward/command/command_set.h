// A set of commands of one Catalog: a bit each.
#pragma once

#include "keyward/command/catalog.h"

#include <bitset>

namespace keyward::command {

inline constexpr std::size_t kMaxCommands = 1024;

class CommandSet {
 public:
  void add(CommandId id) { bits_.set(id); }
  void remove(CommandId id) { bits_.reset(id); }
  [[nodiscard]] bool contains(CommandId id) const { return bits_.test(id); }
  [[nodiscard]] std::size_t size() const { return bits_.count(); }
  CommandSet& operator|=(const CommandSet& other) {
    bits_ |= other.bits_;
    return *this;
  }
  friend bool operator==(const CommandSet&, const CommandSet&) = default;

 private:
  std::bitset<kMaxCommands> bits_;
};

}  // namespace keyward::command
