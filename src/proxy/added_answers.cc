#include "proxy/added_answers.h"

#include "keyward/resp/writer.h"

#include <utility>

namespace keyward::proxy {

using upstream::ReplyPart;

void AddedAnswers::refused(std::uint64_t place, std::string_view error) {
  for (std::size_t i = 0; i < expected_.size(); ++i) {
    Expected& expected = expected_[i];
    if (expected.place == place && expected.alone && expected.error.empty()) expected.error = error;
  }
}

std::optional<ReplyPart> AddedAnswers::show(std::uint64_t place, const ReplyPart& part) {
  if (expected_.empty() || expected_.front().place != place) return part;
  const auto shown = part.first  ? begin(part)
                     : as_it_is_ ? std::optional(part)
                                 : take(expected_.front(), part, part.bytes);
  if (part.last) expected_.pop_front();
  return shown;
}

std::optional<ReplyPart> AddedAnswers::begin(const ReplyPart& part) {
  const Expected& expected = expected_.front();
  as_it_is_ = part.head.type != '*' || part.head.is_null() || !part.bytes.starts_with('*');
  begun_ = false;
  if (as_it_is_) {
    if (part.head.is_error() && part.last && !expected.error.empty()) return error_of(expected);
    return part;
  }
  left_ = expected.own;
  scanner_ = {};
  text_.clear();
  kept_ = !expected.alone;
  // The first line of a reply is never delivered in pieces.
  const std::string_view bytes = part.bytes.substr(part.bytes.find('\n') + 1);
  if (!expected.alone) resp::write_array(text_, expected.own);
  return take(expected, part, bytes);
}

ReplyPart AddedAnswers::error_of(const Expected& expected) {
  text_ = expected.error;
  scanner_ = {};
  (void)scanner_.feed(text_);
  head_ = scanner_.head();
  return {.head = head_, .bytes = text_, .first = true, .last = true};
}

std::optional<ReplyPart> AddedAnswers::take(const Expected& expected, const ReplyPart& part,
                                            std::string_view bytes) {
  std::size_t own = 0;
  bool head_known = begun_;
  while (left_ > 0 && own < bytes.size()) {
    const auto progress = scanner_.feed(bytes.substr(own));
    own += progress.used;
    if (progress.head_known && !std::exchange(head_known, true)) head_ = scanner_.head();
    if (progress.bad) break;
    if (progress.done) --left_;
  }
  bytes = bytes.substr(0, own);
  // The head of a lone answer is told with its first bytes: they wait until it is known.
  const bool wait = expected.alone && !head_known;
  if (wait && !std::exchange(kept_, true)) text_.clear();
  if (kept_) {
    text_.append(bytes);
    bytes = text_;
  }
  kept_ = wait;
  if (wait) return std::nullopt;
  return ReplyPart{.head = expected.alone ? head_ : part.head,
                   .bytes = bytes,
                   .first = !std::exchange(begun_, true),
                   .last = part.last,
                   .children = expected.alone ? nullptr : part.children};
}

}  // namespace keyward::proxy
