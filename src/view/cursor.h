// Walks over one complete answer of Redis without building anything.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace keyward::view {

// Every step answers false for bytes that are not what was asked for; where it stands is then
// meaningless, and the whole answer is refused.
class Cursor {
 public:
  explicit Cursor(std::string_view bytes) : bytes_(bytes) {}

  [[nodiscard]] bool done() const { return at_ == bytes_.size(); }
  [[nodiscard]] std::size_t at() const { return at_; }
  // The mark of what comes next; 0 at the end.
  [[nodiscard]] char mark() const { return done() ? '\0' : bytes_[at_]; }
  [[nodiscard]] std::string_view since(std::size_t begin) const {
    return bytes_.substr(begin, at_ - begin);
  }

  // "*n", "%n", ">n": `count` as announced; null is not taken. It cannot announce more than there
  // are bytes.
  bool head(char mark, std::size_t& count);
  // "$n" and its bytes; null is not taken.
  bool bulk(std::string_view& text);
  // "$-1", "*-1" or "_"; stays where it is when something else comes.
  bool null();
  bool null_array();  // "*-1" or "_"
  bool integer();
  // One element of any kind, with whatever is inside of it. Attributes and pushes are none.
  bool element();

 private:
  struct Line {
    char mark = 0;
    std::string_view text;
  };
  bool line(Line& out);
  bool take(std::string_view literal);
  bool body(std::size_t length);

  std::string_view bytes_;
  std::size_t at_ = 0;
};

}  // namespace keyward::view
