#include "policy/pattern.h"

#include "policy/claims.h"

#include "keyward/base/ascii.h"
#include "keyward/base/log.h"

#include <algorithm>

namespace keyward::policy {
namespace {

constexpr std::size_t kLongestPattern = 512;
constexpr std::string_view kExampleValue = "example";
constexpr std::string_view kTemplates =
    "{subject}, {claim.NAME}, {k8s.namespace} or {k8s.serviceaccount}, or \\{ for the character "
    "itself";

bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

// Bytes that end a name level; control bytes count (Celery separates with 0x06 0x16).
bool is_separator(char c) {
  return std::string_view(":.-_/}|").find(c) != std::string_view::npos || (c >= 0 && c < ' ');
}

bool known_template(std::string_view name) {
  return name == "subject" || name == "k8s.namespace" || name == "k8s.serviceaccount" ||
         (name.starts_with("claim.") && name.size() > 6);
}

class Splitter {
 public:
  Splitter(std::string_view text, const yaml::Node& node) : text_(text), node_(node) {}

  std::optional<Pattern> run() {
    while (good_ && at_ < text_.size()) step();
    flush();
    if (!good_) return std::nullopt;
    return std::move(out_);
  }

 private:
  void step() {
    const char c = text_[at_];
    if (c == '\\' && at_ + 1 < text_.size()) {
      // Braces mean nothing to a Redis glob: the escape is ours and goes.
      const char next = text_[at_ + 1];
      if (next != '{' && next != '}') literal_ += c;
      literal_ += next;
      at_ += 2;
    } else if (c == '{') {
      place();
    } else {
      if (c == '[') in_class_ = true;
      if (c == ']') in_class_ = false;
      literal_ += c;
      ++at_;
    }
  }

  void place() {
    const std::size_t end = text_.find('}', at_);
    const std::string name(
        text_.substr(at_ + 1, end == std::string_view::npos ? end : end - at_ - 1));
    if (end == std::string_view::npos || !known_template(name)) {
      return fail("unknown template {" + log::printable(name, 64) + "}", std::string(kTemplates));
    }
    if (in_class_) return fail("a template cannot stand inside [...]", "");
    flush();
    out_.pieces.push_back({true, name});
    at_ = end + 1;
  }

  void flush() {
    if (!literal_.empty()) out_.pieces.push_back({false, std::move(literal_)});
    literal_.clear();
  }

  void fail(std::string what, std::string instead) {
    node_.error(std::move(what), std::move(instead));
    good_ = false;
  }

  std::string_view text_;
  const yaml::Node& node_;
  Pattern out_;
  std::string literal_;
  std::size_t at_ = 0;
  bool in_class_ = false;
  bool good_ = true;
};

// `app*` also covers `app2:...`: the part before the first `*` should end a level.
void check_prefix(std::string_view text, const yaml::Node& node) {
  const std::size_t star = text.find('*');
  if (star == std::string_view::npos || star == 0) return;
  const std::string_view head = text.substr(0, star);
  const bool other_wildcard = head.find_first_of("?[\\") != std::string_view::npos;
  const bool ends_template =
      head.back() == '}' && !head.ends_with("\\}") && head.find('{') != std::string_view::npos;
  if (other_wildcard || (is_separator(head.back()) && !ends_template)) return;
  node.warning("key pattern " + log::printable(text) + " also covers names that only begin alike",
               log::printable(head) + ":*");
}

// The template whose values can make patterns that reach into each other: "a" and "a-b" in
// "{subject}-*". What parts them is a byte that no value holds, before the next wildcard or
// template. `open`: whatever follows the pattern belongs to it.
const Pattern::Piece* overlapping_template(const Pattern& pattern, bool open) {
  const auto& pieces = pattern.pieces;
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    if (!pieces[i].is_template) continue;
    const bool last = i + 1 == pieces.size();
    const std::string_view next =
        last || pieces[i + 1].is_template ? std::string_view() : pieces[i + 1].text;
    const std::size_t wild = next.find_first_of("*?[");
    const std::string_view text = next.substr(0, wild);
    if (!std::all_of(text.begin(), text.end(), is_plain)) continue;
    const bool ends = wild == std::string_view::npos && i + (next.empty() ? 1 : 2) >= pieces.size();
    if (!ends || open) return &pieces[i];
  }
  return nullptr;
}

void check_templates(const Pattern& pattern, PatternUse use, const yaml::Node& node) {
  const bool open = use == PatternUse::name_space;
  const Pattern::Piece* piece = overlapping_template(pattern, open);
  if (piece == nullptr) return;
  const std::string shown = "{" + log::printable(piece->text, 64) + "}";
  const std::string what = "values of " + shown +
                           " hold letters, digits, _ . and -, so that one principal's names could "
                           "begin with all of another's (a- and a-b-)";
  open ? node.error(what, shown + ":") : node.warning(what, shown + ":*");
}

}  // namespace

bool plain_value(std::string_view value) {
  return !value.empty() && value.size() <= 64 && std::all_of(value.begin(), value.end(), is_plain);
}

std::optional<Pattern> read_pattern(const yaml::Node& node, PatternUse use) {
  const std::optional<std::string> text = node.text();
  if (!text) {
    if (!node.present()) node.error("an empty pattern", "*, or a name");
    return std::nullopt;
  }
  if (text->empty()) {
    node.error("an empty pattern", "*, or a name");
    return std::nullopt;
  }
  if (text->size() > kLongestPattern) {
    node.error("a pattern has at most " + std::to_string(kLongestPattern) + " bytes");
    return std::nullopt;
  }
  const auto bad = [](char c) { return c == '\0' || is_space(c); };
  if (std::any_of(text->begin(), text->end(), bad)) {
    node.error("a pattern cannot hold white space or NUL (Redis refuses it)", "? in its place");
    return std::nullopt;
  }
  std::optional<Pattern> pattern = Splitter(*text, node).run();
  if (!pattern) return std::nullopt;
  // Redis knows "every key" only as one star.
  if (text->find_first_not_of('*') == std::string::npos) pattern->pieces.front().text = "*";
  if (use == PatternUse::key) check_prefix(*text, node);
  check_templates(*pattern, use, node);
  return pattern;
}

const identity::Principal& as_written() {
  static const identity::Principal nobody;
  return nobody;
}

Result<std::string> fill(const Pattern& pattern, const identity::Principal* principal) {
  std::string out;
  for (const Pattern::Piece& piece : pattern.pieces) {
    if (!piece.is_template) {
      out += piece.text;
      continue;
    }
    if (principal == nullptr) {
      out += kExampleValue;
      continue;
    }
    if (principal == &as_written()) {
      out += '{' + piece.text + '}';
      continue;
    }
    const std::optional<std::string> value = template_value(*principal, piece.text);
    if (!value || !plain_value(*value)) {
      return Error(Errc::forbidden,
                   "template_value: {" + log::printable(piece.text, 64) +
                       (value ? "} has a value other than 1 to 64 of A-Z a-z 0-9 _ . -"
                              : "} has no value in this token"));
    }
    out += *value;
  }
  return out;
}

}  // namespace keyward::policy
