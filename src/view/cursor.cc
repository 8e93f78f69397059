#include "view/cursor.h"

#include <charconv>

namespace keyward::view {
namespace {

// As Redis writes them: no sign but '-', no leading zero.
bool number(std::string_view text, std::int64_t& value) {
  const std::string_view digits = text.substr(text.starts_with('-') ? 1 : 0);
  if (digits.empty() || (digits[0] == '0' && text.size() > 1)) return false;
  const char* const end = text.data() + text.size();
  const auto [stop, code] = std::from_chars(text.data(), end, value);
  return code == std::errc() && stop == end;
}

bool count_of(std::string_view text, std::size_t most, std::size_t& value) {
  std::int64_t signed_value = 0;
  if (!number(text, signed_value) || signed_value < 0) return false;
  value = static_cast<std::size_t>(signed_value);
  return value <= most;
}

// What one line says completely.
bool is_scalar(char mark, std::string_view text) {
  std::int64_t value = 0;
  switch (mark) {
    case '+':
    case '-':
      return true;
    case ':':
      return number(text, value);
    case '#':
      return text == "t" || text == "f";
    case ',':
    case '(':
      return !text.empty();
    default:
      return false;
  }
}

}  // namespace

bool Cursor::line(Line& out) {
  if (done()) return false;
  const std::size_t end = bytes_.find('\r', at_);
  if (end == std::string_view::npos || end + 1 >= bytes_.size() || bytes_[end + 1] != '\n')
    return false;
  out = {bytes_[at_], bytes_.substr(at_ + 1, end - at_ - 1)};
  at_ = end + 2;
  return out.text.find('\n') == std::string_view::npos;
}

bool Cursor::take(std::string_view literal) {
  if (!bytes_.substr(at_).starts_with(literal)) return false;
  at_ += literal.size();
  return true;
}

bool Cursor::body(std::size_t length) {
  if (bytes_.size() - at_ < length) return false;
  at_ += length;
  return take("\r\n");
}

bool Cursor::head(char mark, std::size_t& count) {
  Line head;
  return line(head) && head.mark == mark && count_of(head.text, bytes_.size() - at_, count);
}

bool Cursor::bulk(std::string_view& text) {
  std::size_t length = 0;
  if (!head('$', length)) return false;
  text = bytes_.substr(at_, length);
  return body(length);
}

bool Cursor::null() { return take("$-1\r\n") || null_array(); }
bool Cursor::null_array() { return take("*-1\r\n") || take("_\r\n"); }

bool Cursor::integer() {
  Line head;
  std::int64_t value = 0;
  return line(head) && head.mark == ':' && number(head.text, value);
}

bool Cursor::element() {
  // How many are still to come; every one takes three bytes at least, so this cannot run over.
  for (std::size_t left = 1; left > 0; --left) {
    if (null()) continue;
    Line head;
    if (!line(head)) return false;
    std::size_t count = 0;
    switch (head.mark) {
      case '$':
      case '!':
      case '=':
        if (!count_of(head.text, bytes_.size() - at_, count) || !body(count)) return false;
        break;
      case '*':
      case '~':
      case '%':
        if (!count_of(head.text, bytes_.size() - at_, count)) return false;
        left += head.mark == '%' ? 2 * count : count;
        if (left > bytes_.size()) return false;
        break;
      default:
        if (!is_scalar(head.mark, head.text)) return false;
        break;
    }
  }
  return true;
}

}  // namespace keyward::view
