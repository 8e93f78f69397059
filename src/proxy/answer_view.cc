#include "proxy/answer_view.h"

#include "proxy/wire_errors.h"

#include "keyward/resp/writer.h"

#include <algorithm>
#include <charconv>
#include <optional>

namespace keyward::proxy {

namespace {

// A popped value is in no key any more: it must not be lost for its size. From here on its key
// alone is looked at, and the value streams.
constexpr std::size_t kPopped = 256UL * 1024;
constexpr std::string_view kEmpty = "$0\r\n\r\n";

struct First {
  std::size_t begin = 0, end = 0;  // of the first element, which is a bulk string
};

// Where the first element of an array lies; nullopt when it is not all there, or no bulk string.
std::optional<First> first_element(std::string_view array) {
  if (array.empty() || array[0] != '*') return std::nullopt;
  const std::size_t begin = array.find("\r\n");
  if (begin == std::string_view::npos || array.substr(begin + 2, 1) != "$") return std::nullopt;
  const std::size_t line = array.find("\r\n", begin + 2);
  if (line == std::string_view::npos) return std::nullopt;
  std::size_t length = 0;
  const auto [end, error] = std::from_chars(array.data() + begin + 3, array.data() + line, length);
  if (error != std::errc() || end != array.data() + line) return std::nullopt;
  if (array.size() - line < 4 || array.size() - line - 4 < length) return std::nullopt;
  return First{begin + 2, line + 2 + length + 2};
}

}  // namespace

void ValueView::feed(const view::Lens& lens, std::string_view bytes, bool last, std::string& out) {
  if (way_ == Way::undecided) {
    if (bytes.empty()) return;
    const bool is_error = bytes[0] == '-' || bytes[0] == '!' || bytes[0] == '|';
    const bool free = shape_ == view::Shape::as_is || (shape_ == view::Shape::errors && !is_error);
    way_ = free ? Way::streams : Way::gathers;
  }
  if (way_ == Way::streams) {
    out.append(bytes);
  } else if (way_ == Way::gathers) {
    gather(lens, bytes, last, out);
  }
}

void ValueView::gather(const view::Lens& lens, std::string_view bytes, bool last,
                       std::string& out) {
  if (gathered_.size() + bytes.size() > most_) return give_up(Trouble::too_large, out);
  if (!last || !gathered_.empty()) {
    gathered_.append(bytes);
    bytes = gathered_;
  }
  if (!last) {
    if (shape_ == view::Shape::first_key && gathered_.size() > kPopped) show_first(lens, out);
    return;
  }
  if (!view::show(shape_, lens, bytes, out)) return give_up(Trouble::unreadable, out);
  std::string().swap(gathered_);
}

// What is there of [key, ...] is shown as [key, ""]; its head and the rest stay Redis's.
bool ValueView::show_first(const view::Lens& lens, std::string& out) {
  const auto first = first_element(gathered_);
  if (!first) return false;
  std::string alone, shown, head;
  resp::write_array(head, 2);
  alone = head;
  alone.append(gathered_, first->begin, first->end - first->begin).append(kEmpty);
  if (!view::show(shape_, lens, alone, shown) || shown.size() < head.size() + kEmpty.size())
    return false;
  const std::size_t size = shown.size() - head.size() - kEmpty.size();
  out.append(gathered_, 0, first->begin);
  out.append(shown, head.size(), size).append(gathered_, first->end);
  std::string().swap(gathered_);
  way_ = Way::streams;
  return true;
}

// The rest of it is read and thrown away.
void ValueView::give_up(Trouble why, std::string& out) {
  trouble_ = why;
  way_ = Way::dropped;
  std::string().swap(gathered_);
  resp::write_error(out, why == Trouble::too_large ? wire::kFilteredTooLarge : wire::kUnreadable);
}

void AnswerView::note() { trouble_ = std::max(trouble_, value_.trouble()); }

// Returns what is behind EXEC's first line, once that is there.
std::string_view AnswerView::take_head(std::string_view bytes, std::string& out) {
  const std::size_t before = head_.size();
  head_.append(bytes);
  const std::size_t line = head_.find("\r\n");
  if (line == std::string::npos) return {};
  std::size_t count = 0;
  const auto [end, error] = std::from_chars(head_.data() + 1, head_.data() + line, count);
  const bool is_array = head_[0] == '*' && error == std::errc() && end == head_.data() + line;
  if (!is_array || count != members_.size()) {
    // Null, an error, or not the answer to what was sent.
    value_ = ValueView(is_array ? view::Shape::key : view::Shape::errors, most_);
    stage_ = Stage::value;
    return head_;
  }
  stage_ = Stage::members;
  out.append(head_, 0, line + 2);
  return bytes.substr(line + 2 - before);
}

void AnswerView::feed(const view::Lens& lens, std::string_view bytes, bool last, std::string& out) {
  if (members_.empty()) stage_ = Stage::value;
  if (stage_ == Stage::head) bytes = take_head(bytes, out);
  while (stage_ == Stage::members && !bytes.empty() && at_ < members_.size()) {
    const view::Member& member = members_[at_];
    const view::Lens eyes{lens.grants, lens.db, lens.protocol, member.by};
    if (scanner_.at_boundary()) value_ = ValueView(member.shape, most_);
    const resp::ReplyScanner::Progress progress = scanner_.feed(bytes);
    if (progress.bad || progress.used == 0) break;
    value_.feed(eyes, bytes.substr(0, progress.used), progress.done, out);
    bytes.remove_prefix(progress.used);
    if (progress.done) {
      note();
      ++at_;
    }
  }
  if (stage_ == Stage::value) {
    value_.feed(lens, bytes, last, out);
    note();
  }
}

}  // namespace keyward::proxy
