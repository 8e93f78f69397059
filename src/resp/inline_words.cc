#include "resp/inline_words.h"

namespace keyward::resp {
namespace {

// isspace() of the C locale.
bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

// Redis ends a bare word at these only: a vertical tab or form feed inside a word belongs to it.
bool ends_word(char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; }

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

char escaped(char c) {
  switch (c) {
    case 'n':
      return '\n';
    case 'r':
      return '\r';
    case 't':
      return '\t';
    case 'b':
      return '\b';
    case 'a':
      return '\a';
    default:
      return c;
  }
}

// Reads one line word by word; each step returns false on unbalanced quotes.
class Reader {
 public:
  Reader(std::string_view line, std::string& text) : line_(line), text_(text) {}

  // False at the end of the line.
  bool next_word() {
    while (at_ < line_.size() && is_space(line_[at_])) ++at_;
    return at_ < line_.size();
  }

  bool word() {
    while (at_ < line_.size() && !ends_word(line_[at_])) {
      const char c = line_[at_++];
      if (c == '"') return double_quoted();
      if (c == '\'') return single_quoted();
      text_.push_back(c);
    }
    return true;
  }

 private:
  // A closing quote ends the word and must stand before a blank or the end.
  [[nodiscard]] bool closed() const { return at_ == line_.size() || is_space(line_[at_]); }

  bool double_quoted() {
    while (at_ < line_.size()) {
      const char c = line_[at_++];
      if (c == '"') return closed();
      if (c != '\\' || at_ == line_.size()) {
        text_.push_back(c);
        continue;
      }
      const int high = at_ + 2 < line_.size() ? hex_value(line_[at_ + 1]) : -1;
      const int low = at_ + 2 < line_.size() ? hex_value(line_[at_ + 2]) : -1;
      if (line_[at_] == 'x' && high >= 0 && low >= 0) {
        text_.push_back(static_cast<char>(high * 16 + low));
        at_ += 3;
      } else {
        text_.push_back(escaped(line_[at_++]));
      }
    }
    return false;
  }

  bool single_quoted() {
    while (at_ < line_.size()) {
      const char c = line_[at_++];
      if (c == '\'') return closed();
      if (c == '\\' && at_ < line_.size() && line_[at_] == '\'') {
        text_.push_back('\'');
        ++at_;
      } else {
        text_.push_back(c);
      }
    }
    return false;
  }

  std::string_view line_;
  std::string& text_;
  std::size_t at_ = 0;
};

}  // namespace

Words split_words(std::string_view line, std::size_t most, std::string& text,
                  std::vector<std::size_t>& ends) {
  text.clear();
  ends.clear();
  if (line.find('\0') != std::string_view::npos) return Words::has_nul;
  text.reserve(line.size());
  Reader reader(line, text);
  while (reader.next_word()) {
    if (ends.size() == most) return Words::too_many;
    if (!reader.word()) return Words::unbalanced;
    ends.push_back(text.size());
  }
  return Words::good;
}

}  // namespace keyward::resp
