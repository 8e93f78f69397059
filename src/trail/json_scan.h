// Walks over the JSON of one line without building anything: the caller takes what it knows by name
// and steps over the rest. Several times as fast as a parser that keeps all, which is what reading
// a whole trail is made of. Refuses what is not JSON (RFC 8259) in its structure; does not check
// that texts it steps over are UTF-8.
#pragma once

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace keyward::trail {

// The inside of a string as it stands.
struct RawText {
  std::string_view inside;
  bool escaped = false;
};

// Adds what the inside stands for; false for an escape that is none. Never longer than the inside.
[[nodiscard]] bool unescape(std::string_view inside, std::string& out);

class JsonScan {
 public:
  explicit JsonScan(std::string_view text) : at_(text.data()), end_(text.data() + text.size()) {}

  // `member` is called with each name and has to consume the value, and answers whether that went
  // well.
  template <class Member>
  [[nodiscard]] bool object(Member&& member) {
    if (!open('{')) return false;
    if (close('}')) return true;
    for (;;) {
      RawText name;
      if (!string(name) || !take(':')) return false;
      if (!member(name.inside)) return false;
      if (take(',')) continue;
      return close('}');
    }
  }
  template <class Element>
  [[nodiscard]] bool array(Element&& element) {
    if (!open('[')) return false;
    if (close(']')) return true;
    for (;;) {
      if (!element()) return false;
      if (take(',')) continue;
      return close(']');
    }
  }

  [[nodiscard]] bool string(RawText& out) {
    if (!take('"')) return false;
    const char* const begin = at_;
    out.escaped = false;
    for (;;) {
      at_ = special(at_, end_);
      if (at_ == end_) return false;
      if (*at_ == '"') {
        out.inside = {begin, static_cast<std::size_t>(at_++ - begin)};
        return true;
      }
      if (*at_ != '\\' || end_ - at_ < 2) return false;
      out.escaped = true;
      at_ += 2;
    }
  }

  // False, and nothing consumed, for anything but an integer that fits.
  template <class Integer>
  [[nodiscard]] bool integer(Integer& out) {
    blanks();
    Integer number{};
    const auto [after, error] = std::from_chars(at_, end_, number);
    if (error != std::errc{} ||
        (after != end_ && (*after == '.' || *after == 'e' || *after == 'E')))
      return false;
    out = number;
    at_ = after;
    return true;
  }

  [[nodiscard]] bool skip();  // any value
  // What the next value begins with; '\0' at the end.
  [[nodiscard]] char peek() {
    blanks();
    return at_ == end_ ? '\0' : *at_;
  }
  [[nodiscard]] bool ended() { return peek() == '\0' && at_ == end_; }

 private:
  static constexpr int kDeepest = 64;

  void blanks() {
    while (at_ != end_ && (*at_ == ' ' || *at_ == '\t' || *at_ == '\r' || *at_ == '\n')) ++at_;
  }
  bool take(char byte) {
    if (at_ != end_ && *at_ == byte) {
      ++at_;
      return true;
    }
    blanks();
    if (at_ == end_ || *at_ != byte) return false;
    ++at_;
    return true;
  }
  bool open(char byte) { return take(byte) && ++depth_ <= kDeepest; }
  bool close(char byte) {
    if (!take(byte)) return false;
    --depth_;
    return true;
  }
  bool word(std::string_view expected);
  bool skip_number();

  // The first quote, backslash or control character.
  static const char* special(const char* at, const char* end) {
#if defined(__SSE2__)
    const __m128i quote = _mm_set1_epi8('"');
    const __m128i slash = _mm_set1_epi8('\\');
    const __m128i last_control = _mm_set1_epi8(0x1f);
    for (; end - at >= 16; at += 16) {
      __m128i bytes;
      std::memcpy(&bytes, at, sizeof bytes);
      const __m128i found =
          _mm_or_si128(_mm_or_si128(_mm_cmpeq_epi8(bytes, quote), _mm_cmpeq_epi8(bytes, slash)),
                       _mm_cmpeq_epi8(_mm_min_epu8(bytes, last_control), bytes));
      const int bits = _mm_movemask_epi8(found);
      if (bits != 0) return at + __builtin_ctz(static_cast<unsigned>(bits));
    }
#endif
    for (; at != end; ++at) {
      if (*at == '"' || *at == '\\' || static_cast<unsigned char>(*at) < 0x20) break;
    }
    return at;
  }

  const char* at_;
  const char* end_;
  int depth_ = 0;
};

}  // namespace keyward::trail
