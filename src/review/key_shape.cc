#include "review/key_shape.h"

#include "keyward/base/ascii.h"

#include <algorithm>
#include <array>
#include <map>
#include <set>

namespace keyward::review {
namespace {

constexpr std::size_t kNumbered = 4;  // so many names with a number at their end are a row

bool hex_digit(char c) { return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }
bool in_word(char c) {
  return is_digit(c) || is_letter(c) || static_cast<unsigned char>(c) >= 0x80;
}

bool boundary(std::string_view text, std::size_t at) {
  return at >= text.size() || !in_word(text[at]);
}

template <class Class>
bool all(std::string_view text, Class&& of) {
  return std::all_of(text.begin(), text.end(), of);
}

bool uuid_at(std::string_view text, std::size_t at) {
  constexpr std::size_t kSize = 36;
  if (text.size() - at < kSize || !boundary(text, at + kSize)) return false;
  for (std::size_t i = 0; i < kSize; ++i) {
    const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    if (dash ? text[at + i] != '-' : !hex_digit(text[at + i])) return false;
  }
  return true;
}

// 2026-11-22, with a time of day behind a T; 0 when there is none.
std::size_t date_at(std::string_view text, std::size_t at) {
  constexpr std::string_view kForm = "dddd-dd-dd";
  if (text.size() - at < kForm.size()) return 0;
  for (std::size_t i = 0; i < kForm.size(); ++i) {
    if (kForm[i] == 'd' ? !is_digit(text[at + i]) : text[at + i] != '-') return 0;
  }
  std::size_t end = at + kForm.size();
  if (boundary(text, end)) return end - at;
  if (text[end] != 'T' || end + 1 >= text.size() || !is_digit(text[end + 1])) return 0;
  // 08:00:00.5, then Z or an offset: each separator only in front of a digit.
  const auto digits_from = [&](std::size_t from) {
    while (from < text.size() &&
           (is_digit(text[from]) || ((text[from] == ':' || text[from] == '.') &&
                                     from + 1 < text.size() && is_digit(text[from + 1]))))
      ++from;
    return from;
  };
  end = digits_from(end + 1);
  const bool offset =
      end + 1 < text.size() && (text[end] == '+' || text[end] == '-') && is_digit(text[end + 1]);
  if (offset) {
    end = digits_from(end + 1);
  } else if (end < text.size() && text[end] == 'Z') {
    ++end;
  }
  return boundary(text, end) ? end - at : 0;
}

// How often letters and digits take turns.
std::size_t turns(std::string_view word) {
  std::size_t count = 0;
  for (std::size_t i = 1; i < word.size(); ++i)
    count += is_digit(word[i]) != is_digit(word[i - 1]) ? 1 : 0;
  return count;
}

// What a word is by its looks; 0 = a word.
char look_of(std::string_view word) {
  if (all(word, is_digit))
    return static_cast<char>(word.size() == 1 ? Varying::digit : Varying::number);
  if (!all(word, [](char c) { return is_digit(c) || is_letter(c); })) return 0;
  const auto digits = std::count_if(word.begin(), word.end(), is_digit);
  const auto letters = static_cast<std::ptrdiff_t>(word.size()) - digits;
  if (word.size() >= 8 && digits > 0 && all(word, hex_digit) && turns(word) >= 2)
    return static_cast<char>(Varying::hex);
  if (word.size() >= 16 && digits >= 3 && letters >= 3) return static_cast<char>(Varying::id);
  const std::size_t mixed = turns(word);
  if (word.size() >= 5 && (mixed >= 4 || (mixed >= 3 && word.size() >= 8)))
    return static_cast<char>(Varying::id);
  return 0;
}

// Writes a shape from left to right.
class ShapeWriter {
 public:
  void mark(Varying what) {
    // `*-*` and `*.*` say no more than `*`.
    const bool again = mark_end_ + 1 == out_.size() && what != Varying::subject &&
                       out_[mark_end_ - 1] != static_cast<char>(Varying::subject) &&
                       std::string_view("-._").find(out_.back()) != std::string_view::npos;
    if (again) {
      out_.pop_back();
      out_.back() = static_cast<char>(Varying::id);
    } else {
      out_ += kMark;
      out_ += static_cast<char>(what);
    }
    mark_end_ = out_.size();
  }
  void literal(std::string_view text) {
    for (const char c : text) {
      if (c == kMark) out_ += c;
      out_ += c;
    }
  }
  [[nodiscard]] Shape take() { return std::move(out_); }

 private:
  Shape out_;
  std::size_t mark_end_ = std::string::npos - 1;  // behind the last mark
};

// A word and what separates it from the next.
std::vector<std::string> tokens_of(const Shape& shape) {
  std::vector<std::string> out;
  std::size_t at = 0;
  while (at < shape.size()) {
    const std::size_t start = at;
    const auto word = [&] { return in_word(shape[at]) || shape[at] == kMark; };
    while (at < shape.size() && word()) at += shape[at] == kMark && at + 1 < shape.size() ? 2 : 1;
    while (at < shape.size() && !word()) ++at;
    out.push_back(shape.substr(start, at - start));
  }
  return out;
}

struct Token {
  std::string word, tail;
};
Token split(const std::string& token) {
  std::size_t at = token.size();
  while (at > 0 && !in_word(token[at - 1]) && !(at > 1 && token[at - 2] == kMark)) --at;
  return {token.substr(0, at), token.substr(at)};
}

struct Item {
  std::vector<std::string> tokens;
};

std::string without_number(const std::string& word) {
  std::size_t end = word.size();
  while (end > 0 && is_digit(word[end - 1])) --end;
  return word.substr(0, end);
}

void rewrite(std::vector<Item*>& items, std::size_t depth, const std::set<std::string>& from,
             const std::string& to) {
  for (Item* item : items) {
    if (from.contains(item->tokens[depth])) item->tokens[depth] = to;
  }
}

// Shapes that are equal before `depth`.
void fold_from(std::vector<Item*> items, std::size_t depth, std::size_t limit) {
  std::erase_if(items, [&](const Item* item) { return item->tokens.size() <= depth; });
  if (items.size() < 2) return;
  std::map<std::string, std::set<std::string>> by_tail;
  std::map<std::pair<std::string, std::string>, std::set<std::string>> rows;
  for (const Item* item : items) {
    const std::string& token = item->tokens[depth];
    const Token parts = split(token);
    if (parts.word.find(kMark) != std::string::npos) continue;
    by_tail[parts.tail].insert(token);
    const std::string stem = without_number(parts.word);
    if (!stem.empty() && stem.size() < parts.word.size()) rows[{stem, parts.tail}].insert(token);
  }
  for (const auto& [row, tokens] : rows) {
    if (tokens.size() < kNumbered) continue;
    rewrite(items, depth, tokens,
            row.first + kMark + static_cast<char>(Varying::number) + row.second);
  }
  for (const auto& [tail, tokens] : by_tail) {
    if (tokens.size() <= limit) continue;
    rewrite(items, depth, tokens, std::string{kMark, static_cast<char>(Varying::any)} + tail);
  }
  std::map<std::string, std::vector<Item*>> next;
  for (Item* item : items) next[item->tokens[depth]].push_back(item);
  for (auto& [token, group] : next) fold_from(std::move(group), depth + 1, limit);
}

// Part of a pattern that matches one varying part and as little else as a glob can say.
std::string narrow(char what) {
  switch (static_cast<Varying>(what)) {
    case Varying::uuid:
      // Not a name of Keyward's own, which begin with a k.
      return "[0-9a-fA-F]" + std::string(7, '?') + '-' + std::string(4, '?') + '-' +
             std::string(4, '?') + '-' + std::string(4, '?') + '-' + std::string(12, '?');
    case Varying::digit:
    case Varying::number:
      return "[0-9]*";
    default:
      return "*";
  }
}

bool needs_escape(char c) { return std::string_view("*?[]\\{}").find(c) != std::string_view::npos; }

// The bytes of a UTF-8 character at `at`; 0 when it is none.
std::size_t character_at(std::string_view text, std::size_t at) {
  const auto lead = static_cast<unsigned char>(text[at]);
  const std::size_t size = lead < 0x80    ? 1
                           : lead >= 0xF0 ? 4
                           : lead >= 0xE0 ? 3
                           : lead >= 0xC2 ? 2
                                          : 0;
  if (size == 0 || lead > 0xF4 || text.size() - at < size) return 0;
  for (std::size_t i = 1; i < size; ++i) {
    if ((static_cast<unsigned char>(text[at + i]) & 0xC0U) != 0x80U) return 0;
  }
  // Overlong forms and surrogates.
  const auto second = size > 1 ? static_cast<unsigned char>(text[at + 1]) : 0U;
  if ((lead == 0xE0 && second < 0xA0) || (lead == 0xED && second > 0x9F) ||
      (lead == 0xF0 && second < 0x90) || (lead == 0xF4 && second > 0x8F))
    return 0;
  return size;
}

std::string render(const Shape& shape, std::string_view subject, bool escapes) {
  // Nothing fixed at all: as much as a glob can say of what varies.
  const bool bare = shape.size() == 2 && shape[0] == kMark && shape[1] != kMark;
  std::string out;
  for (std::size_t i = 0; i < shape.size();) {
    if (shape[i] == kMark && i + 1 < shape.size() && shape[i + 1] != kMark) {
      const char what = shape[i + 1];
      if (what == static_cast<char>(Varying::subject)) {
        out += subject.empty() ? std::string_view("{subject}") : subject;
      } else {
        const std::string part = bare ? narrow(what) : "*";
        if (!(part == "*" && out.ends_with('*') && !out.ends_with("\\*"))) out += part;
      }
      i += 2;
      continue;
    }
    if (shape[i] == kMark) ++i;
    const std::size_t size = character_at(shape, i);
    const char c = shape[i];
    const bool unwritable =
        size == 0 || c == '\0' || c == ' ' || (c >= '\t' && c <= '\r') || c == 0x7F;
    if (unwritable) {
      // No pattern may begin so that it takes in Keyward's own names.
      out += out.empty() && escapes ? "[^k]" : "?";
      ++i;
      continue;
    }
    if (escapes && needs_escape(c)) out += '\\';
    if (!escapes && (c == '{' || c == '}')) out += '\\';
    out.append(shape, i, size);
    i += size;
  }
  return out;
}

}  // namespace

Shape shape_of(std::string_view name, std::string_view subject) {
  ShapeWriter out;
  std::size_t at = 0;
  while (at < name.size()) {
    if (!in_word(name[at])) {
      out.literal(name.substr(at++, 1));
      continue;
    }
    if (subject.size() >= 3 && name.substr(at).starts_with(subject) &&
        boundary(name, at + subject.size())) {
      out.mark(Varying::subject);
      at += subject.size();
    } else if (uuid_at(name, at)) {
      out.mark(Varying::uuid);
      at += 36;
    } else if (const std::size_t date = date_at(name, at); date > 0) {
      out.mark(Varying::date);
      at += date;
    } else {
      std::size_t end = at;
      while (end < name.size() && in_word(name[end])) ++end;
      const std::string_view word = name.substr(at, end - at);
      const char look = look_of(word);
      if (look != 0) {
        out.mark(static_cast<Varying>(look));
      } else {
        out.literal(word);
      }
      at = end;
    }
  }
  return out.take();
}

std::vector<Shape> fold(const std::vector<Shape>& shapes, std::size_t limit) {
  std::vector<Item> items;
  items.reserve(shapes.size());
  for (const Shape& shape : shapes) items.push_back({tokens_of(shape)});
  std::vector<Item*> all_items;
  for (Item& item : items) all_items.push_back(&item);
  fold_from(std::move(all_items), 0, limit);
  std::vector<Shape> out;
  out.reserve(items.size());
  for (const Item& item : items) {
    Shape shape;
    for (const std::string& token : item.tokens) shape += token;
    out.push_back(std::move(shape));
  }
  return out;
}

std::string pattern_of(const Shape& shape, std::string_view subject) {
  return render(shape, subject, true);
}

std::string channel_pattern_of(const Shape& shape) {
  const std::string whole = render(shape, {}, false);
  if (!is_varying(shape)) return whole;
  // A subscription is held against `head*` only: what follows the first varying part goes.
  std::size_t mark = 0;
  while (mark + 1 < shape.size() && !(shape[mark] == kMark && shape[mark + 1] != kMark))
    mark += shape[mark] == kMark ? 2 : 1;
  return render(shape.substr(0, mark), {}, false) + "*";
}

Shape literal_shape(std::string_view name) {
  ShapeWriter out;
  out.literal(name);
  return out.take();
}

bool only_digits_vary(const Shape& shape) {
  bool any = false;
  for (std::size_t i = 0; i + 1 < shape.size(); ++i) {
    if (shape[i] != kMark) continue;
    ++i;
    if (shape[i] == kMark) continue;
    if (shape[i] != static_cast<char>(Varying::digit)) return false;
    any = true;
  }
  return any;
}

bool is_varying(const Shape& shape) {
  for (std::size_t i = 0; i + 1 < shape.size(); ++i) {
    if (shape[i] != kMark) continue;
    if (shape[i + 1] != kMark) return true;
    ++i;
  }
  return false;
}

bool has_subject(const Shape& shape) {
  for (std::size_t i = 0; i + 1 < shape.size(); ++i) {
    if (shape[i] != kMark) continue;
    if (shape[i + 1] == static_cast<char>(Varying::subject)) return true;
    ++i;
  }
  return false;
}

}  // namespace keyward::review
