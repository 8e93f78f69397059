// What of a key's name is fixed and what varies. A shape is the name with numbers, UUIDs, hex,
// dates and other identifiers taken out; keys of one shape differ in nothing but those.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace keyward::review {

// Text in which kMark and a letter stand for a varying part, and kMark twice for the byte itself.
using Shape = std::string;
inline constexpr char kMark = '\x01';
enum class Varying : char {
  digit = 'd',  // one of them: often part of a fixed name
  number = 'N',
  hex = 'H',
  uuid = 'U',
  id = 'I',
  date = 'D',
  subject = 'S',  // the subject of who used it: {subject}
  any = 'A',      // learned: too many different words stand there
};

// `subject` is looked for as a whole word; empty = is not.
[[nodiscard]] Shape shape_of(std::string_view name, std::string_view subject);

// Folds words that vary without looking so: where more than `limit` words follow the same
// beginning, or four that differ in a number at their end. Answers what each of the shapes becomes.
[[nodiscard]] std::vector<Shape> fold(const std::vector<Shape>& shapes, std::size_t limit);

// The pattern of a policy file. `subject` replaces {subject} when it is not empty.
[[nodiscard]] std::string pattern_of(const Shape& shape, std::string_view subject = {});
// The same for a pattern that somebody subscribed to: its own wildcards stay.
[[nodiscard]] std::string channel_pattern_of(const Shape& shape);

// A name in which nothing varies.
[[nodiscard]] Shape literal_shape(std::string_view name);
// One-digit numbers vary and nothing else.
[[nodiscard]] bool only_digits_vary(const Shape& shape);
[[nodiscard]] bool is_varying(const Shape& shape);
[[nodiscard]] bool has_subject(const Shape& shape);

}  // namespace keyward::review
