#include "keyward/base/yaml.h"

#include "keyward/base/log.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>

namespace keyward::yaml {
namespace {

std::string quoted(std::string_view key) { return '`' + log::printable(key, 64) + '`'; }

struct Unit {
  std::string_view name;
  std::uint64_t factor;
};
constexpr std::array<Unit, 5> kDurations{
    {{"ms", 1}, {"s", 1000}, {"m", 60'000}, {"h", 3'600'000}, {"d", 86'400'000}}};
constexpr std::array<Unit, 4> kSizes{
    {{"", 1}, {"KiB", 1ULL << 10}, {"MiB", 1ULL << 20}, {"GiB", 1ULL << 30}}};
constexpr std::string_view kDurationWords = "a duration such as 250ms, 30s, 5m, 12h or 7d";
constexpr std::string_view kSizeWords = "a size such as 512, 64KiB, 8MiB or 1GiB";
constexpr std::string_view kBooleanWords = "true or false";

// "<digits><unit>" as a count of the smallest unit; nullopt on anything else and on overflow past
// int64.
template <std::size_t N>
std::optional<std::uint64_t> measure(std::string_view text, const std::array<Unit, N>& units) {
  std::uint64_t count = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), count);
  if (code != std::errc{}) return std::nullopt;
  const std::string_view rest = text.substr(static_cast<std::size_t>(end - text.data()));
  for (const Unit& unit : units) {
    if (rest != unit.name) continue;
    constexpr auto kMost = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
    if (count > kMost / unit.factor) return std::nullopt;
    return count * unit.factor;
  }
  return std::nullopt;
}

bool decimal_spelling(std::string_view text) {
  if (text.starts_with('-')) text.remove_prefix(1);
  const bool digits = !text.empty() && std::all_of(text.begin(), text.end(),
                                                   [](char c) { return c >= '0' && c <= '9'; });
  // YAML 1.1 reads 010 as eight, YAML 1.2 as ten: neither is taken.
  return digits && (text.size() == 1 || text.front() != '0');
}

void change_below(YAML::Node node, const std::function<std::string(std::string_view)>& change) {
  if (node.IsScalar()) {
    std::string changed = change(node.Scalar());
    if (changed != node.Scalar()) node = changed;
  } else if (node.IsSequence()) {
    for (std::size_t i = 0; i < node.size(); ++i) change_below(node[i], change);
  } else if (node.IsMap()) {
    for (const auto& entry : node) change_below(entry.second, change);
  }
}

}  // namespace

Node::Node(std::string file, YAML::Node node, Diagnostics* diagnostics)
    : file_(std::move(file)),
      node_(std::move(node)),
      absent_(!node_.IsDefined()),
      diagnostics_(diagnostics) {
  if (absent_) return;
  const YAML::Mark mark = node_.Mark();
  line_ = std::max(0, mark.line) + 1;
  column_ = std::max(0, mark.column) + 1;
}

Node Node::below(const std::string& key, const YAML::Node& child) const {
  Node node(file_, child, diagnostics_);
  node.key_ = key;
  return node;
}

Node Node::missing(std::string_view key) const {
  Node node;
  node.file_ = file_;
  node.key_ = key;
  node.line_ = line_;
  node.column_ = column_;
  node.diagnostics_ = diagnostics_;
  return node;
}

std::string Node::named() const { return key_.empty() ? "this" : quoted(key_); }

bool Node::present() const { return !absent_ && !node_.IsNull(); }
bool Node::is_map() const { return !absent_ && node_.IsMap(); }
bool Node::is_list() const { return !absent_ && node_.IsSequence(); }
bool Node::is_scalar() const { return !absent_ && node_.IsScalar(); }
int Node::line() const { return line_; }
int Node::column() const { return column_; }

Node Node::get(std::string_view key) const {
  if (is_map()) {
    for (const auto& entry : node_) {
      if (entry.first.IsScalar() && entry.first.Scalar() == key) {
        return below(entry.first.Scalar(), entry.second);
      }
    }
  } else if (present()) {
    error(named() + " must be a map with the key " + quoted(key));
  }
  return missing(key);
}

Node Node::need(std::string_view key) const {
  Node child = get(key);
  // A wrong type was reported by get(); an absent parent by whoever needed it.
  const bool reportable = is_map() || (!absent_ && node_.IsNull());
  if (reportable && !child.present()) error(quoted(key) + " is required");
  return child;
}

std::vector<Node> Node::list() const {
  std::vector<Node> out;
  if (is_list()) {
    out.reserve(node_.size());
    for (const auto& item : node_) out.push_back(below(key_, item));
  } else if (is_scalar()) {
    out.push_back(*this);
  } else if (present()) {
    error(named() + " must be a list");
  }
  return out;
}

std::vector<std::pair<std::string, Node>> Node::entries() const {
  std::vector<std::pair<std::string, Node>> out;
  if (is_map()) {
    for (const auto& entry : node_) {
      if (!entry.first.IsScalar()) continue;  // reported by parse()
      const std::string& key = entry.first.Scalar();
      out.emplace_back(key, below(key, entry.second));
    }
  } else if (present()) {
    error(named() + " must be a map");
  }
  return out;
}

void Node::only(const std::vector<std::string>& known) const {
  if (!is_map()) {
    if (present()) error(named() + " must be a map");
    return;
  }
  for (const auto& entry : node_) {
    if (!entry.first.IsScalar()) continue;  // reported by parse()
    const std::string& key = entry.first.Scalar();
    if (std::find(known.begin(), known.end(), key) != known.end()) continue;
    const Node place(file_, entry.first, diagnostics_);
    place.error("unknown key " + quoted(key), nearest(key, known));
  }
}

std::optional<std::string> Node::scalar(std::string_view expected) const {
  if (is_scalar()) return node_.Scalar();
  if (present()) error(named() + " must be " + std::string(expected));
  return std::nullopt;
}

bool Node::is_quoted() const { return is_scalar() && node_.Tag() == "!"; }

std::optional<std::string> Node::plain(std::string_view expected) const {
  std::optional<std::string> value = scalar(expected);
  if (value && is_quoted()) {
    error(named() + " must be " + std::string(expected) + ", without quotes");
    return std::nullopt;
  }
  return value;
}

std::optional<std::string> Node::text() const { return scalar("text"); }

std::optional<bool> Node::boolean() const {
  const std::optional<std::string> value = plain(kBooleanWords);
  if (!value) return std::nullopt;
  if (*value == "true") return true;
  if (*value == "false") return false;
  const auto is_one_of = [&](std::initializer_list<std::string_view> words) {
    std::string low = *value;
    for (char& c : low) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
    return std::find(words.begin(), words.end(), low) != words.end();
  };
  std::string instead;
  if (is_one_of({"yes", "on", "true", "y", "1"})) instead = "true";
  if (is_one_of({"no", "off", "false", "n", "0"})) instead = "false";
  error(named() + " must be " + std::string(kBooleanWords), std::move(instead));
  return std::nullopt;
}

std::optional<std::int64_t> Node::integer(std::int64_t low, std::int64_t high) const {
  const std::string expected =
      "a whole number from " + std::to_string(low) + " to " + std::to_string(high);
  const std::optional<std::string> value = plain(expected);
  if (!value) return std::nullopt;
  std::int64_t number = 0;
  const auto [end, code] = std::from_chars(value->data(), value->data() + value->size(), number);
  if (code == std::errc{} && decimal_spelling(*value) && number >= low && number <= high) {
    return number;
  }
  error(named() + " must be " + expected);
  return std::nullopt;
}

std::optional<std::chrono::milliseconds> Node::duration() const {
  const std::optional<std::string> value = scalar(kDurationWords);
  if (!value) return std::nullopt;
  if (const auto count = measure(*value, kDurations)) {
    return std::chrono::milliseconds(static_cast<std::int64_t>(*count));
  }
  const bool bare = decimal_spelling(*value) && value->size() < 10 && value->front() != '-';
  error(named() + " must be " + std::string(kDurationWords), bare ? *value + 's' : "");
  return std::nullopt;
}

std::optional<std::uint64_t> Node::bytes() const {
  const std::optional<std::string> value = scalar(kSizeWords);
  if (!value) return std::nullopt;
  if (const auto count = measure(*value, kSizes)) return count;
  error(named() + " must be " + std::string(kSizeWords));
  return std::nullopt;
}

std::vector<std::string> Node::texts() const {
  std::vector<std::string> out;
  for (const Node& item : list()) {
    if (!item.present()) {
      item.error(named() + " has an empty entry");
    } else if (auto value = item.text()) {
      out.push_back(std::move(*value));
    }
  }
  return out;
}

void Node::change_texts(const std::function<std::string(std::string_view)>& change) {
  if (!absent_) change_below(node_, change);
}

void Node::error(std::string what, std::string instead) const {
  if (diagnostics_ == nullptr) return;
  diagnostics_->error(file_, line_, column_, std::move(what), std::move(instead));
}

void Node::warning(std::string what, std::string instead) const {
  if (diagnostics_ == nullptr) return;
  diagnostics_->warning(file_, line_, column_, std::move(what), std::move(instead));
}

}  // namespace keyward::yaml
