// HTML and SVG that is escaped by construction: names of tags and attributes are literals, and
// there is no way in for text but the ones that escape it.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

namespace keyward::report {

// Text that stands in the source: nothing read from anywhere becomes one.
class Literal {
 public:
  template <std::size_t Size>
  consteval Literal(const char (&text)[Size]) : text_(text, Size - 1) {}
  [[nodiscard]] constexpr std::string_view text() const { return text_; }

 private:
  std::string_view text_;
};

struct Attribute {
  Literal name;
  std::string value;
};

class Markup {
 public:
  using Attributes = std::initializer_list<Attribute>;

  Markup& open(Literal tag, Attributes attributes = {});
  Markup& close();  // the tag opened last
  // An element without content: <meta ...>, <rect .../>.
  Markup& lone(Literal tag, Attributes attributes = {});
  // Text of one line and of several, made visible and escaped.
  Markup& text(std::string_view text);
  Markup& lines(std::string_view text);
  // An element with nothing but text.
  Markup& element(Literal tag, std::string_view text, Attributes attributes = {});
  // As it stands: the style sheet, the script.
  Markup& literal(Literal text);
  Markup& newline();

  [[nodiscard]] std::string take();  // everything is closed

 private:
  void begin(Literal tag, Attributes attributes);

  std::string out_;
  std::vector<std::string_view> open_;
};

// & < > " ' as entities, behind visible().
[[nodiscard]] std::string escaped(std::string_view text);

}  // namespace keyward::report
