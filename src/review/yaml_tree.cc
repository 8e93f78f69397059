#include "review/yaml_tree.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <sstream>

namespace keyward::review {
namespace {

constexpr std::size_t kMostLevels = 64;

struct Unsafe {
  YAML::Mark mark;
  std::string what;
};

struct Scalar {
  std::size_t begin = 0, end = 0;  // bytes, quotes included
};

std::vector<std::size_t> line_starts(const std::string& text) {
  std::vector<std::size_t> out{0};
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\n') out.push_back(i + 1);
  }
  return out;
}

// Builds the tree from the events of the parser and remembers where scalars stand.
class Builder final : public YAML::EventHandler {
 public:
  Builder(const std::string& text, YamlNode& root) : text_(text), starts_(line_starts(text)) {
    levels_.push_back({&root, nullptr, false, false, 0, true});
  }

  std::vector<YamlItem*> items;  // in the order of the text, outer before inner
  std::vector<Scalar> quoted;    // spans that no comment can be in

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (documents_++ > 0) throw Unsafe{mark, "more than one YAML document"};
  }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t) override {
    place(mark, offset(mark)).kind = YamlNode::Kind::null;
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
    throw Unsafe{mark, "an alias: write the value out"};
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    check(mark, tag, anchor);
    const std::size_t begin = offset(mark);
    const char first = begin < text_.size() ? text_[begin] : '\0';
    const bool quotes = first == '"' || first == '\'';
    if (tag == "!" && !quotes) throw Unsafe{mark, "block text (| or >): write it in quotes"};
    const std::size_t end = quotes ? end_of_quotes(begin) : begin + value.size();
    if (quotes) quoted.push_back({begin, end});
    Level& level = levels_.back();
    if (level.map && level.key_next) {
      take_key(mark, value, quotes, end);
      return;
    }
    YamlNode& node = place(mark, end);
    node.kind = YamlNode::Kind::scalar;
    node.text = value;
    node.quoted = quotes;
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value style) override {
    check(mark, tag, anchor);
    open(mark, YamlNode::Kind::list, style);
  }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value style) override {
    check(mark, tag, anchor);
    open(mark, YamlNode::Kind::map, style);
  }
  void OnSequenceEnd() override { levels_.pop_back(); }
  void OnMapEnd() override { levels_.pop_back(); }

 private:
  struct Level {
    YamlNode* node;
    YamlItem* owner;  // whose value the node is
    bool map, flow;
    int indent;  // of the dashes
    bool top = false;
    bool key_next = true;
  };

  [[nodiscard]] std::size_t offset(const YAML::Mark& mark) const {
    const auto line = static_cast<std::size_t>(std::max(mark.line, 0));
    if (line >= starts_.size()) return text_.size();
    return std::min(text_.size(),
                    starts_[line] + static_cast<std::size_t>(std::max(mark.column, 0)));
  }

  [[nodiscard]] std::size_t end_of_quotes(std::size_t at) const {
    const char quote = text_[at++];
    while (at < text_.size() && text_[at] != quote) at += quote == '"' && text_[at] == '\\' ? 2 : 1;
    // '' inside '...' is one quote: the text goes on.
    if (quote == '\'' && at + 1 < text_.size() && text_[at + 1] == quote)
      return end_of_quotes_again(at + 1);
    return std::min(at + 1, text_.size());
  }
  [[nodiscard]] std::size_t end_of_quotes_again(std::size_t at) const {
    while (true) {
      at = text_.find('\'', at + 1);
      if (at == std::string::npos) return text_.size();
      if (at + 1 >= text_.size() || text_[at + 1] != '\'') return at + 1;
      ++at;
    }
  }

  static void check(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor) {
    if (anchor != 0) throw Unsafe{mark, "an anchor: write the value out"};
    if (!tag.empty() && tag != "?" && tag != "!") throw Unsafe{mark, "a tag"};
  }

  YamlItem& add_item(Level& level, const YAML::Mark& mark, std::size_t end) {
    auto& item = level.node->items.emplace_back(std::make_unique<YamlItem>());
    item->value = std::make_unique<YamlNode>();
    item->line = mark.line;
    item->column = mark.column;
    item->indent = level.map ? mark.column : level.indent;
    item->end = end;
    item->parent = level.owner;
    item->in_flow = level.flow;
    items.push_back(item.get());
    return *item;
  }

  void take_key(const YAML::Mark& mark, const std::string& key, bool quotes, std::size_t end) {
    YamlItem& item = add_item(levels_.back(), mark, end);
    item.key = key;
    item.quoted_key = quotes;
    levels_.back().key_next = false;
  }

  // The node that the next event fills.
  YamlNode& place(const YAML::Mark& mark, std::size_t end) {
    Level& level = levels_.back();
    if (level.top) return *level.node;
    if (!level.map) return *add_item(level, mark, end).value;
    if (level.key_next) throw Unsafe{mark, "a key that is no text"};
    level.key_next = true;
    YamlItem& item = *level.node->items.back();
    item.end = std::max(item.end, end);
    return *item.value;
  }

  void open(const YAML::Mark& mark, YamlNode::Kind kind, YAML::EmitterStyle::value style) {
    if (levels_.size() > kMostLevels) throw Unsafe{mark, "more than 64 levels"};
    const bool top = levels_.back().top;
    YamlNode& node = place(mark, offset(mark));
    node.kind = kind;
    YamlItem* owner = top ? nullptr : items_owner();
    levels_.push_back({&node, owner, kind == YamlNode::Kind::map, style == YAML::EmitterStyle::Flow,
                       mark.column});
  }
  // The item whose value was placed last.
  [[nodiscard]] YamlItem* items_owner() const { return levels_.back().node->items.back().get(); }

  const std::string& text_;
  std::vector<std::size_t> starts_;
  std::vector<Level> levels_;
  int documents_ = 0;
};

struct Comment {
  std::size_t at = 0;
  int line = 0, column = 0;
  bool alone = false;  // nothing before it on its line
  bool blank_before = false;
  std::string text;
};

// Every `#` that begins a comment: outside of quotes, at the beginning of a line or behind space.
std::vector<Comment> find_comments(const std::string& text, const std::vector<Scalar>& quoted) {
  std::vector<Comment> out;
  std::size_t next_quoted = 0;
  std::size_t line_start = 0;
  int line = 0;
  bool blank = false;  // the line before was empty
  for (std::size_t i = 0; i < text.size(); ++i) {
    while (next_quoted < quoted.size() && quoted[next_quoted].end <= i) ++next_quoted;
    const bool inside = next_quoted < quoted.size() && quoted[next_quoted].begin <= i;
    if (text[i] == '\n') {
      const std::string_view whole(text.data() + line_start, i - line_start);
      blank = whole.find_first_not_of(" \t\r") == std::string_view::npos;
      ++line;
      line_start = i + 1;
      continue;
    }
    const bool begins = i == line_start || text[i - 1] == ' ' || text[i - 1] == '\t';
    if (inside || text[i] != '#' || !begins) continue;
    std::size_t end = std::min(text.find('\n', i), text.size());
    const std::size_t stop = end;
    while (end > i && (text[end - 1] == ' ' || text[end - 1] == '\t' || text[end - 1] == '\r'))
      --end;
    const std::string_view head(text.data() + line_start, i - line_start);
    out.push_back({i, line, static_cast<int>(i - line_start),
                   head.find_first_not_of(" \t") == std::string_view::npos, blank,
                   text.substr(i, end - i)});
    i = stop - 1;
  }
  return out;
}

// Who is meant by a comment at the end of a line: the item before it, or the one whose brackets
// were closed since.
YamlItem* beside(const std::string& text, const std::vector<YamlItem*>& items,
                 const Comment& comment) {
  const auto behind = std::partition_point(items.begin(), items.end(), [&](const YamlItem* item) {
    return std::pair(item->line, item->column) < std::pair(comment.line, comment.column);
  });
  YamlItem* last = behind == items.begin() ? nullptr : *(behind - 1);
  if (last == nullptr) return nullptr;
  for (std::size_t i = last->end; i < comment.at; ++i) {
    const bool closes = text[i] == ']' || text[i] == '}';
    // An empty list was opened here as well.
    if (closes && i > last->end && (text[i - 1] == '[' || text[i - 1] == '{')) continue;
    // What was opened further up keeps its last item as the nearest.
    if (closes && last->parent != nullptr && last->in_flow && last->parent->line == comment.line)
      last = last->parent;
  }
  return last;
}

void attach(const std::string& text, const std::vector<YamlItem*>& items,
            const std::vector<Comment>& comments, YamlTree& tree) {
  std::vector<std::string>* last_list = nullptr;
  std::size_t next = 0;
  for (const Comment& comment : comments) {
    if (!comment.alone) {
      last_list = nullptr;
      YamlItem* item = beside(text, items, comment);
      if (item == nullptr) {
        tree.foot.push_back(comment.text);
      } else if (item->beside.empty()) {
        item->beside = comment.text;
      } else {
        item->after.push_back(comment.text);
      }
      continue;
    }
    while (next < items.size() && items[next]->line <= comment.line) ++next;
    YamlItem* following = next < items.size() ? items[next] : nullptr;
    YamlItem* previous = next > 0 ? items[next - 1] : nullptr;
    std::vector<std::string>* list = &tree.foot;
    const bool foot_of_inner =
        previous != nullptr &&
        (following == nullptr ? comment.column > 0
                              : !following->in_flow && comment.column > following->indent);
    if (foot_of_inner) {
      while (previous->parent != nullptr &&
             (previous->in_flow || previous->indent > comment.column))
        previous = previous->parent;
      list = &previous->after;
    } else if (following != nullptr) {
      list = &following->before;
    }
    if (comment.blank_before && list == last_list && !list->empty()) list->emplace_back();
    list->push_back(comment.text);
    last_list = list;
  }
}

std::string at(const YAML::Mark& mark) {
  return std::to_string(mark.line + 1) + ":" + std::to_string(mark.column + 1);
}

}  // namespace

bool YamlNode::commented() const {
  return std::any_of(items.begin(), items.end(), [](const auto& item) {
    return item->commented() || item->value->commented();
  });
}

Result<YamlTree> read_yaml_tree(const std::string& text) {
  YamlTree tree;
  try {
    std::istringstream stream(text);
    YAML::Parser parser(stream);
    Builder builder(text, tree.root);
    while (parser.HandleNextDocument(builder)) {
    }
    const std::vector<Comment> comments = find_comments(text, builder.quoted);
    attach(text, builder.items, comments, tree);
    for (const Comment& comment : comments) tree.comments.push_back(comment.text);
    std::sort(tree.comments.begin(), tree.comments.end());
  } catch (const Unsafe& unsafe) {
    return Error(Errc::invalid, at(unsafe.mark) + ": " + unsafe.what);
  } catch (const YAML::Exception& wrong) {
    return Error(Errc::invalid, at(wrong.mark) + ": " + wrong.msg);
  }
  return tree;
}

}  // namespace keyward::review
