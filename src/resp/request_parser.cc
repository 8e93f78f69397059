#include "keyward/resp/request_parser.h"

#include "resp/inline_words.h"
#include "resp/number.h"

#include <climits>

#include <algorithm>

namespace keyward::resp {
namespace {

// Bytes of the shortest argument, "$0" CRLF CRLF: what every announced argument will need at least.
constexpr std::size_t kShortest = 6;
// A Span counts in 32 bits.
constexpr std::size_t kMostHeld = UINT32_MAX;
// Arguments whose room is kept from one request to the next.
constexpr std::size_t kKeptArgs = 1024;
// redis.conf proto-max-bulk-len: past it Redis says "invalid", logged in or not.
constexpr std::int64_t kProtoMaxBulk = 512LL * 1024 * 1024;

constexpr std::string_view kBadCount = "invalid multibulk length";
constexpr std::string_view kBadLength = "invalid bulk length";
constexpr std::string_view kEarlyCount = "unauthenticated multibulk length";
constexpr std::string_view kEarlyLength = "unauthenticated bulk length";
// Redis skips the two bytes after an argument unread; a peer that has others there has lost count.
constexpr std::string_view kBadEnd = "expected CRLF after bulk";
constexpr std::string_view kTooBig = "too big request";

bool has_crlf(std::string_view bytes, std::size_t at) {
  return bytes[at] == '\r' && bytes[at + 1] == '\n';
}

}  // namespace

ParseResult RequestParser::next(std::string_view input) {
  if (stage_ >= Stage::announce) return large_request(input);
  std::size_t start = 0;
  while (true) {
    const std::string_view rest = input.substr(start);
    if (stage_ == Stage::idle) {
      if (rest.empty()) {
        args_.clear();  // the views of the request before are dead
        return {ParseStatus::need_more, start};
      }
      begin(rest.front());
    }
    const ParseResult result =
        stage_ == Stage::inline_line ? inline_request(rest, start) : multibulk(rest, start);
    if (result.status != ParseStatus::need_more || stage_ != Stage::idle) return result;
    start = result.consumed;  // that was an empty request
  }
}

void RequestParser::begin(char first) {
  stage_ = first == '*' ? Stage::count : Stage::inline_line;
  at_ = scanned_ = count_ = seen_ = length_ = held_ = 0;
  args_.clear();
  spans_.clear();
  // One wide request must not leave its memory with an idle connection's next ones.
  if (args_.capacity() > kKeptArgs) std::vector<std::string_view>().swap(args_);
  if (spans_.capacity() > kKeptArgs) std::vector<Span>().swap(spans_);
  if (unquoted_.capacity() > kKeptArgs) std::string().swap(unquoted_);
}

void RequestParser::leave() {
  stage_ = Stage::idle;
  limits_ = wanted_;
}

ParseResult RequestParser::inline_request(std::string_view rest, std::size_t start) {
  const std::size_t found = rest.find('\n', scanned_);
  if (std::min(found, rest.size()) > limits_.max_inline) return refused("too big inline request");
  if (found == std::string_view::npos) {
    scanned_ = rest.size();
    return {ParseStatus::need_more, start};
  }
  std::string_view line = rest.substr(0, found);
  if (line.ends_with('\r')) line.remove_suffix(1);
  if (!split_inline(line)) return {ParseStatus::malformed, 0};
  leave();
  return {args_.empty() ? ParseStatus::need_more : ParseStatus::request, start + found + 1};
}

bool RequestParser::split_inline(std::string_view line) {
  std::vector<std::size_t> ends;
  switch (split_words(line, limits_.max_args, unquoted_, ends)) {
    case Words::good:
      break;
    case Words::unbalanced:
      refuse("unbalanced quotes in request");
      return false;
    // Redis takes a NUL for the end of its buffer and would wait for ever.
    case Words::has_nul:
      refuse("NUL in inline request");
      return false;
    case Words::too_many:
      refuse(limits_.unauthenticated ? kEarlyCount : kBadCount);
      return false;
  }
  std::size_t begin = 0;
  for (const std::size_t end : ends) {
    if (end - begin > limits_.max_bulk) {
      refuse(limits_.unauthenticated ? kEarlyLength : kBadLength);
      return false;
    }
    args_.push_back(std::string_view(unquoted_).substr(begin, end - begin));
    begin = end;
  }
  return true;
}

ParseResult RequestParser::multibulk(std::string_view rest, std::size_t start) {
  if (stage_ == Stage::count) {
    const Line line = read_count(rest);
    if (line == Line::partial) return {ParseStatus::need_more, start};
    if (line == Line::failed) return {ParseStatus::malformed, 0};
    if (count_ == 0) {
      leave();
      return {ParseStatus::need_more, start + at_};
    }
    stage_ = Stage::header;
  }
  while (seen_ < count_) {
    if (stage_ == Stage::header) {
      const Line line = read_length(rest);
      if (line == Line::partial) return {ParseStatus::need_more, start};
      if (line == Line::failed) return {ParseStatus::malformed, 0};
      if (length_ > limits_.stream_above) return begin_large(rest, start);
      stage_ = Stage::body;
    }
    if (rest.size() - at_ < length_ + 2) return {ParseStatus::need_more, start};
    if (!has_crlf(rest, at_ + length_)) return refused(kBadEnd);
    spans_.push_back({static_cast<std::uint32_t>(at_), static_cast<std::uint32_t>(length_)});
    at_ += length_ + 2;
    scanned_ = at_;
    ++seen_;
    stage_ = Stage::header;
  }
  make_views(rest);
  leave();
  return {ParseStatus::request, start + at_};
}

ParseResult RequestParser::begin_large(std::string_view rest, std::size_t start) {
  make_views(rest);
  large_ = {count_, seen_, length_};
  held_ = at_;
  stage_ = Stage::announce;
  return {ParseStatus::large_begin, start + at_};
}

// From here on every item is consumed as it is told, so offsets count from the item's first byte.
ParseResult RequestParser::large_request(std::string_view input) {
  args_.clear();
  std::size_t used = 0;
  while (true) {
    const std::string_view rest = input.substr(used);
    switch (stage_) {
      case Stage::announce:
        stage_ = Stage::stream;
        return {ParseStatus::large_arg, used};
      case Stage::stream:
        return streamed(rest, used);
      case Stage::stream_end:
        if (rest.size() < 2) return {ParseStatus::need_more, used};
        if (!has_crlf(rest, 0)) return refused(kBadEnd);
        used += 2;
        ++seen_;
        stage_ = Stage::large_header;
        at_ = scanned_ = 0;
        break;
      case Stage::large_header:
      case Stage::large_body:
        return large_argument(rest, used);
      default:
        return {ParseStatus::malformed, 0};
    }
  }
}

ParseResult RequestParser::streamed(std::string_view rest, std::size_t used) {
  if (rest.empty()) return {ParseStatus::need_more, used};
  chunk_ = rest.substr(0, length_);
  length_ -= chunk_.size();
  if (length_ == 0) stage_ = Stage::stream_end;
  return {ParseStatus::chunk, used + chunk_.size()};
}

ParseResult RequestParser::large_argument(std::string_view rest, std::size_t used) {
  if (seen_ == count_) {
    leave();
    return {ParseStatus::large_end, used};
  }
  if (stage_ == Stage::large_header) {
    const Line line = read_length(rest);
    if (line == Line::partial) return {ParseStatus::need_more, used};
    if (line == Line::failed) return {ParseStatus::malformed, 0};
    if (length_ > limits_.stream_above) {
      large_ = {count_, seen_, length_};
      held_ += at_;
      stage_ = Stage::stream;
      return {ParseStatus::large_arg, used + at_};
    }
    stage_ = Stage::large_body;
  }
  if (rest.size() - at_ < length_ + 2) return {ParseStatus::need_more, used};
  if (!has_crlf(rest, at_ + length_)) return refused(kBadEnd);
  chunk_ = rest.substr(at_, length_);
  const std::size_t taken = at_ + length_ + 2;
  held_ += taken;
  ++seen_;
  stage_ = Stage::large_header;
  at_ = scanned_ = 0;
  return {ParseStatus::small_arg, used + taken};
}

RequestParser::Line RequestParser::read_count(std::string_view rest) {
  std::uint32_t number = 0;
  if (const std::size_t size = short_number(rest.substr(1), number); size > 0) {
    at_ = scanned_ = 1 + size;
    return take_count(number);
  }
  std::string_view text;
  const Line line = find_line(rest, "too big mbulk count string", text);
  if (line != Line::whole) return line;
  std::int64_t wide = 0;
  const bool ends = rest[text.size() + 1] == '\n';
  if (!ends || !parse_integer(text.substr(1), wide)) return refuse(kBadCount);
  at_ = scanned_ = text.size() + 2;
  return take_count(wide);
}

RequestParser::Line RequestParser::take_count(std::int64_t number) {
  if (number > INT_MAX) return refuse(kBadCount);
  if (number <= 0) return Line::whole;
  count_ = static_cast<std::size_t>(number);
  if (count_ > limits_.max_args) return refuse(limits_.unauthenticated ? kEarlyCount : kBadCount);
  return count_ * kShortest > limits_.max_buffered ? refuse(kTooBig) : Line::whole;
}

RequestParser::Line RequestParser::read_length(std::string_view rest) {
  if (at_ < rest.size() && rest[at_] == '$') {
    std::uint32_t number = 0;
    if (const std::size_t size = short_number(rest.substr(at_ + 1), number); size > 0) {
      at_ += 1 + size;
      return take_length(number);
    }
  }
  std::string_view text;
  const Line line = find_line(rest, "too big bulk count string", text);
  if (line != Line::whole) return line;
  if (!text.starts_with('$')) {
    const char got = text.empty() || text.front() == '\n' ? ' ' : text.front();
    return refuse(std::string("expected '$', got '") + got + '\'');
  }
  std::int64_t wide = 0;
  const bool ends = rest[at_ + text.size() + 1] == '\n';
  if (!ends || !parse_integer(text.substr(1), wide)) return refuse(kBadLength);
  at_ += text.size() + 2;
  return take_length(wide);
}

RequestParser::Line RequestParser::take_length(std::int64_t number) {
  if (number < 0 || number > kProtoMaxBulk) return refuse(kBadLength);
  length_ = static_cast<std::size_t>(number);
  if (length_ > limits_.max_bulk) {
    return refuse(limits_.unauthenticated ? kEarlyLength : kBadLength);
  }
  if (length_ > limits_.stream_above) return Line::whole;
  return fits(length_) ? Line::whole : refuse(kTooBig);
}

// What is held already, this argument, and the least the ones behind it can be.
bool RequestParser::fits(std::size_t length) const {
  const std::size_t behind = (count_ - seen_ - 1) * kShortest;
  return held_ + at_ + length + 2 + behind <= std::min(limits_.max_buffered, kMostHeld);
}

// `text` is the line at at_ without its CR; at least one byte behind the CR is there.
RequestParser::Line RequestParser::find_line(std::string_view rest, std::string_view too_big,
                                             std::string_view& text) {
  const std::size_t cr = rest.find('\r', scanned_);
  if (std::min(cr, rest.size()) - at_ > limits_.max_inline) return refuse(too_big);
  if (cr == std::string_view::npos || cr + 1 == rest.size()) {
    scanned_ = std::min(cr, rest.size());
    return Line::partial;
  }
  text = rest.substr(at_, cr - at_);
  return Line::whole;
}

void RequestParser::make_views(std::string_view rest) {
  for (const Span& span : spans_) args_.push_back(rest.substr(span.begin, span.length));
}

RequestParser::Line RequestParser::refuse(std::string_view why) {
  stage_ = Stage::failed;
  error_ = "ERR Protocol error: ";
  error_ += why;
  return Line::failed;
}

ParseResult RequestParser::refused(std::string_view why) {
  refuse(why);
  return {ParseStatus::malformed, 0};
}

}  // namespace keyward::resp
