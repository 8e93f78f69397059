// A number together with its decimal digits, for what many lines repeat: copying digits costs a
// tenth of making them.
#pragma once

#include "keyward/audit/json_text.h"

#include <array>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace keyward::audit {

class Digits {
 public:
  Digits() { set(0); }
  explicit Digits(std::uint64_t number) { set(number); }

  void set(std::uint64_t number) {
    number_ = number;
    std::array<char, kNumberSize> text;
    const auto size = static_cast<std::size_t>(put(text.data(), number) - text.data());
    begin_ = kNumberSize - size;
    std::memcpy(text_.data() + begin_, text.data(), size);
  }
  // To the next number.
  void increment() {
    ++number_;
    std::size_t at = kNumberSize - 1;
    for (; at >= begin_ && text_[at] == '9'; --at) {
      text_[at] = '0';
      if (at == begin_) {
        text_[--begin_] = '1';
        return;
      }
    }
    ++text_[at];
  }

  [[nodiscard]] std::uint64_t number() const { return number_; }
  [[nodiscard]] std::string_view text() const {
    return {text_.data() + begin_, kNumberSize - begin_};
  }

 private:
  std::uint64_t number_ = 0;
  std::size_t begin_ = 0;
  std::array<char, kNumberSize> text_;  // at its end
};

}  // namespace keyward::audit
