// Looks at eight bytes of a text together. The answers may say yes where there is no such byte, but
// never no where there is one: who hears yes looks at each byte.
#pragma once

#include <cstdint>
#include <cstring>

namespace keyward::audit {

class EightBytes {
 public:
  explicit EightBytes(const char* from) { std::memcpy(&word_, from, sizeof word_); }
  void store(char* to) const { std::memcpy(to, &word_, sizeof word_); }

  // Bit 7 of a byte of the results is set where the byte is such a one.
  [[nodiscard]] std::uint64_t below(char limit) const {
    return (word_ - kOnes * static_cast<std::uint8_t>(limit)) & ~word_;
  }
  [[nodiscard]] std::uint64_t equal(char byte) const {
    const std::uint64_t other = word_ ^ kOnes * static_cast<std::uint8_t>(byte);
    return (other - kOnes) & ~other;
  }
  [[nodiscard]] std::uint64_t beyond_ascii() const { return word_ | (word_ + kOnes); }  // and DEL
  [[nodiscard]] static bool any(std::uint64_t found) { return (found & kTops) != 0; }

 private:
  static constexpr std::uint64_t kOnes = 0x0101010101010101, kTops = 0x8080808080808080;
  std::uint64_t word_ = 0;
};

}  // namespace keyward::audit
