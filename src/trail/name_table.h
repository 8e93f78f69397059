// The members of a JSON object that are known, found by name with one comparison.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace keyward::trail {

// `Field` has a `name`, which is not empty.
template <class Field, std::size_t Count>
class NameTable {
 public:
  consteval explicit NameTable(const std::array<Field, Count>& fields) : fields_(fields) {
    while (!fill()) ++factor_;
  }

  [[nodiscard]] constexpr const Field* find(std::string_view name) const {
    if (name.empty()) return nullptr;
    const std::uint8_t which = slots_[slot_of(name)];
    return which != kNone && fields_[which].name == name ? &fields_[which] : nullptr;
  }

 private:
  static constexpr std::uint8_t kNone = 255;
  static constexpr std::size_t kSlots = 256;
  static_assert(Count < kNone);

  // Length and three characters tell all names of a table apart; the factor keeps them apart here.
  [[nodiscard]] constexpr std::size_t slot_of(std::string_view name) const {
    const auto byte = [&](std::size_t index) {
      return std::uint32_t{static_cast<std::uint8_t>(name[index])};
    };
    const std::uint32_t mixed = static_cast<std::uint32_t>(name.size()) | byte(0) << 8 |
                                byte(name.size() / 2) << 16 | byte(name.size() - 1) << 24;
    return (mixed * factor_) >> 24;
  }
  constexpr bool fill() {
    slots_.fill(kNone);
    for (std::size_t index = 0; index < Count; ++index) {
      std::uint8_t& slot = slots_[slot_of(fields_[index].name)];
      if (slot != kNone) return false;
      slot = static_cast<std::uint8_t>(index);
    }
    return true;
  }

  std::array<Field, Count> fields_;
  std::array<std::uint8_t, kSlots> slots_{};
  std::uint32_t factor_ = 0x9e3779b1;
};

}  // namespace keyward::trail
