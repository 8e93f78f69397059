#include "keyward/resp/reply_scanner.h"

#include "resp/number.h"

#include <algorithm>
#include <cstring>

namespace keyward::resp {
namespace {

constexpr std::size_t kDeepest = 128;
constexpr std::size_t kMostChildren = 1'000'000;
constexpr std::size_t kKeptChildren = 1024;
// Far past what any server sends, far below where sums of lengths overflow.
constexpr std::int64_t kMostBytes = 1LL << 40;
constexpr std::int64_t kMostElements = 1LL << 32;

bool in(std::string_view set, char c) { return set.find(c) != std::string_view::npos; }

void set_word(FrameHead& head, std::string_view line) {
  const std::size_t end = std::min(line.find(' '), line.size());
  const std::size_t length = std::min(end, sizeof head.word - 1);
  std::memcpy(head.word, line.data(), length);
  head.word[length] = '\0';
}

// The commonest elements when all of one is here: its bytes, or 0 to take the long way.
std::size_t whole_element(std::string_view bytes, std::uint32_t& number) {
  const char type = bytes.front();
  if (type == '+') return bytes.starts_with("+OK\r\n") ? 5 : 0;
  if (type != ':' && type != '$') return 0;
  const std::size_t digits = short_number(bytes.substr(1), number);
  if (digits == 0 || type == ':') return digits == 0 ? 0 : 1 + digits;
  const std::size_t size = 1 + digits + std::size_t{number} + 2;
  const bool whole = size <= bytes.size() && bytes[size - 2] == '\r' && bytes[size - 1] == '\n';
  return whole ? size : 0;
}

// False when the line is not what its type byte promises. `length` counts bytes that were not
// stored.
bool read_head(FrameHead& head, std::string_view line, std::size_t length) {
  const std::string_view text = line.substr(1);
  const bool stored = length == line.size();
  switch (head.type) {
    case '+':
    case '-':
      set_word(head, text);
      return true;
    case ',':
    case '(':
      return !text.empty();
    case '_':
      return length == 1;
    case '#':
      head.number = text == "t" ? 1 : 0;
      return stored && (text == "t" || text == "f");
    case ':':
      return stored && parse_integer(text, head.number);
    case '$':
    case '*':
      return stored && parse_integer(text, head.number) && head.number >= -1 &&
             head.number <= (head.type == '$' ? kMostBytes : kMostElements);
    case '!':
    case '=':
      return stored && parse_integer(text, head.number) && head.number >= 0 &&
             head.number <= kMostBytes;
    case '%':
    case '~':
    case '>':
    case '|':
      return stored && parse_integer(text, head.number) && head.number >= 0 &&
             head.number <= kMostElements;
    default:
      return false;
  }
}

}  // namespace

ReplyScanner::Progress ReplyScanner::feed(std::string_view bytes) {
  if (stage_ == Stage::boundary) {
    if (bytes.empty()) return {.head_known = head_known_};
    begin();
  }
  std::size_t used = 0;
  while (stage_ != Stage::failed && used < bytes.size()) {
    Step step = Step::more;
    const std::string_view rest = bytes.substr(used);
    used += stage_ == Stage::line ? take_line(rest, step) : take_body(rest, step);
    if (step == Step::failed) {
      stage_ = Stage::failed;
    } else if (step == Step::element && element_done()) {
      stage_ = Stage::boundary;
      return {.used = used, .head_known = true, .done = true};
    }
  }
  if (stage_ == Stage::failed) return {.head_known = head_known_, .bad = true};
  return {.used = used, .head_known = head_known_};
}

void ReplyScanner::begin() {
  stage_ = Stage::line;
  head_.type = 0;
  head_.number = 0;
  head_.word[0] = '\0';
  head_known_ = false;
  keeping_ = keep_children_;
  after_cr_ = false;
  line_length_ = 0;
  levels_.clear();
  children_.clear();
  if (children_.capacity() > kKeptChildren) std::vector<FrameHead>().swap(children_);
}

std::size_t ReplyScanner::take_line(std::string_view bytes, Step& step) {
  if (after_cr_) {
    after_cr_ = false;
    const std::string_view line(stored_, std::min(line_length_, kStored));
    step = bytes.front() == '\n' ? line_done(line, line_length_) : Step::failed;
    return 1;
  }
  std::uint32_t number = 0;
  const std::size_t whole = line_length_ == 0 ? whole_element(bytes, number) : 0;
  if (whole > 0) {
    if (levels_.empty() || keeping_) {
      FrameHead head{.type = bytes.front(), .number = number};
      if (head.type == '+') set_word(head, "OK");
      keep(head);
    }
    step = Step::element;
    return whole;
  }
  // At once: a peer that speaks something else may never send a line end.
  if (line_length_ == 0 && !in("+-:$*_#,(!=%~>|", bytes.front())) {
    step = Step::failed;
    return 0;
  }
  const std::size_t cr = bytes.find('\r');
  const std::string_view part = bytes.substr(0, cr);
  // A lone line feed would end the line for some clients and not for others.
  if (part.find('\n') != std::string_view::npos) {
    step = Step::failed;
    return 0;
  }
  if (line_length_ == 0 && cr != std::string_view::npos && cr + 1 < bytes.size()) {
    step = bytes[cr + 1] == '\n' ? line_done(part, part.size()) : Step::failed;
    return cr + 2;
  }
  if (line_length_ < kStored) {
    const std::size_t count = std::min(part.size(), kStored - line_length_);
    std::memcpy(stored_ + line_length_, part.data(), count);
  }
  line_length_ += part.size();
  after_cr_ = cr != std::string_view::npos;
  return part.size() + (after_cr_ ? 1 : 0);
}

std::size_t ReplyScanner::take_body(std::string_view bytes, Step& step) {
  if (left_ > 2) {
    const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(left_ - 2, bytes.size()));
    left_ -= count;
    return count;
  }
  const char expected = left_ == 2 ? '\r' : '\n';
  if (bytes.front() != expected) {
    step = Step::failed;
  } else if (--left_ == 0) {
    step = Step::element;
  }
  return 1;
}

ReplyScanner::Step ReplyScanner::line_done(std::string_view line, std::size_t length) {
  line_length_ = 0;
  FrameHead head;
  head.type = line.front();
  if (!read_head(head, line, length)) return Step::failed;
  if (head.type != '|') keep(head);
  if (in("*%~>|", head.type)) return aggregate(head);
  stage_ = Stage::line;
  if (in("$!=", head.type) && head.number >= 0) {
    left_ = static_cast<std::uint64_t>(head.number) + 2;
    stage_ = Stage::body;
    return Step::more;
  }
  return Step::element;
}

ReplyScanner::Step ReplyScanner::aggregate(const FrameHead& head) {
  const bool attribute = head.type == '|';
  if (head.number <= 0) return attribute ? Step::more : Step::element;
  if (levels_.size() == kDeepest) return Step::failed;
  const auto count = static_cast<std::uint64_t>(head.number);
  levels_.push_back({head.type == '%' || attribute ? 2 * count : count, attribute});
  return Step::more;
}

void ReplyScanner::keep(const FrameHead& head) {
  if (levels_.empty()) {
    head_ = head;
    head_known_ = true;
  } else if (keeping_ && levels_.size() == 1 && head_.type == '*' && !levels_[0].attribute &&
             children_.size() < kMostChildren) {
    children_.push_back(head);
  }
}

// Counts the element on every level that it completes; true when the reply is complete.
bool ReplyScanner::element_done() {
  stage_ = Stage::line;
  while (!levels_.empty()) {
    if (--levels_.back().left > 0) return false;
    const bool attribute = levels_.back().attribute;
    levels_.pop_back();
    if (attribute) return false;  // what it describes is still to come
  }
  return true;
}

}  // namespace keyward::resp
