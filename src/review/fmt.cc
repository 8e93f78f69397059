#include "keyward/review/fmt.h"

#include "review/yaml_text.h"
#include "review/yaml_tree.h"

#include <algorithm>
#include <map>

namespace keyward::review {
namespace {

using Kind = YamlNode::Kind;

constexpr std::size_t kWidth = 100;

// Where a node stands, as far as its form depends on it.
enum class Place { root, grant, entry, who, expectation, limits, audit, other };

const std::vector<std::string>& order_of(Place place) {
  static const std::map<Place, std::vector<std::string>> kOrders{
      {Place::root, {"apiVersion", "team", "owners", "grants", "expect"}},
      {Place::grant,
       {"name", "who", "template", "databases", "namespace", "exact_prefix", "scripts", "mode",
        "break_glass", "lease", "credentials", "ttl", "shared", "allow", "limits", "audit"}},
      {Place::entry, {"commands", "keys", "read", "write", "channels", "arguments"}},
      {Place::who, {"issuer", "subject", "groups", "claims"}},
      {Place::expectation, {"as", "allow", "deny"}},
      {Place::limits,
       {"connections", "commands_per_second", "bytes_per_second", "max_value", "pipeline",
        "output_buffer", "session"}},
      {Place::audit, {"reads", "durability", "keys"}},
      {Place::other, {}}};
  return kOrders.at(place);
}

// Of the values below a key.
Place below(Place place, const std::string& key) {
  if (place == Place::root)
    return key == "grants" ? Place::grant : key == "expect" ? Place::expectation : Place::other;
  if (place == Place::grant) {
    if (key == "allow") return Place::entry;
    if (key == "who") return Place::who;
    if (key == "limits") return Place::limits;
    if (key == "audit") return Place::audit;
  }
  return place == Place::expectation && key == "as" ? Place::who : Place::other;
}

// Maps that a reader wants line by line.
bool always_block(Place place) {
  return place == Place::root || place == Place::grant || place == Place::entry ||
         place == Place::expectation;
}

bool stays_plain(std::string_view text) {
  if (text.empty() || text.find_first_of(",[]{}\"'`\\#\n\t") != std::string_view::npos)
    return false;
  if (std::string_view("-?:&*!|>%@ ").find(text.front()) != std::string_view::npos) {
    const bool number = text.front() == '-' && text.size() > 1 && text[1] >= '0' && text[1] <= '9';
    if (!number) return false;
  }
  return text.back() != ' ' && text.back() != ':' && text.find(": ") == std::string_view::npos;
}

std::string scalar_text(const std::string& text, bool quoted) {
  if (!quoted && stays_plain(text)) return text;
  return yaml_scalar(text);
}

bool removes(const YamlNode& commands) {
  return std::any_of(commands.items.begin(), commands.items.end(), [](const auto& item) {
    return item->value->kind != Kind::scalar || item->value->text.starts_with('-');
  });
}

std::pair<bool, std::string> command_rank(const YamlItem& item) {
  const std::string& word = item.value->text;
  std::string name = word.substr(word.starts_with('+') ? 1 : 0);
  return {!name.starts_with('@'), std::move(name)};
}

// Words read left to right mean the same in any order while none takes away. A comment on a line of
// its own heads the words up to the next one.
void sort_commands(YamlNode& commands) {
  if (commands.kind != Kind::list || removes(commands)) return;
  auto& items = commands.items;
  for (auto begin = items.begin(); begin != items.end();) {
    const auto end = std::find_if(begin + 1, items.end(),
                                  [](const auto& item) { return !item->before.empty(); });
    std::vector<std::string> head = std::move((*begin)->before);
    (*begin)->before.clear();
    std::vector<std::string> foot;
    for (auto one = begin; one != end; ++one) {
      foot.insert(foot.end(), (*one)->after.begin(), (*one)->after.end());
      (*one)->after.clear();
    }
    std::stable_sort(begin, end, [](const auto& a, const auto& b) {
      return command_rank(*a) < command_rank(*b);
    });
    (*begin)->before = std::move(head);
    (*(end - 1))->after = std::move(foot);
    begin = end;
  }
}

void sort_keys(YamlNode& map, Place place) {
  const std::vector<std::string>& order = order_of(place);
  const auto rank = [&](const auto& item) {
    return std::find(order.begin(), order.end(), item->key) - order.begin();
  };
  std::stable_sort(map.items.begin(), map.items.end(),
                   [&](const auto& a, const auto& b) { return rank(a) < rank(b); });
}

// Puts everything in its order, from the top down.
void arrange(YamlNode& node, Place place) {
  if (node.kind == Kind::map) {
    sort_keys(node, place);
    for (auto& item : node.items) {
      if (place == Place::entry && item->key == "commands") sort_commands(*item->value);
      arrange(*item->value, below(place, item->key));
    }
  } else if (node.kind == Kind::list) {
    for (auto& item : node.items) {
      arrange(*item->value, place);
      // What heads the first line of an item heads the item.
      if (item->value->kind != Kind::map || item->value->items.empty()) continue;
      auto& first = item->value->items.front()->before;
      item->before.insert(item->before.end(), first.begin(), first.end());
      first.clear();
    }
  }
}

class YamlWriter {
 public:
  std::string take() { return std::move(out_); }

  void map(const YamlNode& node, Place place, std::size_t indent) {
    bool first = true;
    for (const auto& item : node.items) {
      const bool section = place == Place::root && (item->key == "grants" || item->key == "expect");
      if (section && !first) out_ += '\n';
      entry(*item, place, indent);
      first = false;
    }
  }
  void comments(const std::vector<std::string>& lines, std::size_t indent) {
    for (const std::string& line : lines)
      out_ += line.empty() ? "\n" : std::string(indent, ' ') + line + "\n";
  }

 private:
  // On one line, without comments in it.
  static std::string flow(const YamlNode& node) {
    std::string out;
    switch (node.kind) {
      case Kind::null:
        return "null";
      case Kind::scalar:
        return scalar_text(node.text, node.quoted);
      case Kind::list:
        for (const auto& item : node.items) out += (out.empty() ? "" : ", ") + flow(*item->value);
        return "[" + out + "]";
      case Kind::map:
        for (const auto& item : node.items) {
          out += (out.empty() ? "" : ", ") + scalar_text(item->key, item->quoted_key) + ": " +
                 flow(*item->value);
        }
        return "{" + out + "}";
    }
    return out;
  }

  static bool may_flow(const YamlNode& node, Place place) {
    if (node.kind == Kind::scalar || node.kind == Kind::null || node.items.empty()) return true;
    if (node.commented()) return false;
    if (node.kind == Kind::map) return !always_block(place);
    return std::all_of(node.items.begin(), node.items.end(), [](const auto& item) {
      return item->value->kind == Kind::scalar || item->value->kind == Kind::null;
    });
  }

  void line(std::size_t indent, const std::string& text, const std::string& beside) {
    out_ += std::string(indent, ' ') + text + (beside.empty() ? "" : "  " + beside) + "\n";
  }

  // A list of words, broken behind commas.
  void filled(const std::string& head, const YamlNode& list, std::size_t indent,
              const std::string& beside) {
    std::string text = std::string(indent, ' ') + head + "[";
    const std::size_t margin = text.size();
    std::string row = text;
    std::string all;
    for (std::size_t i = 0; i < list.items.size(); ++i) {
      const std::string word =
          flow(*list.items[i]->value) + (i + 1 < list.items.size() ? "," : "]");
      if (row.size() > margin && row.size() + 1 + word.size() > kWidth) {
        all += row + "\n";
        row = std::string(margin, ' ');
      } else if (row.size() > margin) {
        row += ' ';
      }
      row += word;
    }
    out_ += all + row + (beside.empty() ? "" : "  " + beside) + "\n";
  }

  void entry(const YamlItem& item, Place place, std::size_t indent) {
    comments(item.before, indent);
    const std::string head = scalar_text(item.key, item.quoted_key) + ":";
    const Place inner = below(place, item.key);
    const YamlNode& value = *item.value;
    const bool one_line = may_flow(value, inner);
    const std::string text = one_line ? head + " " + flow(value) : head;
    const bool simple = value.kind != Kind::map && value.kind != Kind::list;
    if (one_line && (simple || value.items.empty() || indent + text.size() <= kWidth)) {
      line(indent, text, item.beside);
    } else if (one_line && place == Place::entry && item.key == "commands") {
      filled(head + " ", value, indent, item.beside);
    } else {
      line(indent, head, item.beside);
      block(value, inner, indent + 2);
    }
    comments(item.after, indent);
  }

  void block(const YamlNode& node, Place place, std::size_t indent) {
    if (node.kind == Kind::map) return map(node, place, indent);
    bool first = true;
    for (const auto& item : node.items) {
      if (place == Place::grant && !first) out_ += '\n';
      first = false;
      comments(item->before, indent);
      list_item(*item, place, indent);
      comments(item->after, indent);
    }
  }

  void list_item(const YamlItem& item, Place place, std::size_t indent) {
    const YamlNode& value = *item.value;
    if (may_flow(value, place)) {
      const std::string text = "- " + flow(value);
      const bool simple = value.kind == Kind::scalar || value.kind == Kind::null;
      if (simple || value.items.empty() || indent + text.size() <= kWidth)
        return line(indent, text, item.beside);
    }
    if (!item.beside.empty()) line(indent, item.beside, "");
    const std::size_t start = out_.size();
    block(value, place, indent + 2);
    out_[start + indent] = '-';
  }

  std::string out_;
};

std::string canonical(const YamlNode& node, Place place, bool commands) {
  std::vector<std::string> parts;
  switch (node.kind) {
    case Kind::null:
      return "~";
    case Kind::scalar:
      return std::to_string(node.text.size()) + ":" + node.text;
    case Kind::list:
      for (const auto& item : node.items) parts.push_back(canonical(*item->value, place, false));
      if (commands && !removes(node)) std::sort(parts.begin(), parts.end());
      break;
    case Kind::map:
      for (const auto& item : node.items) {
        const bool words = place == Place::entry && item->key == "commands";
        parts.push_back(std::to_string(item->key.size()) + ":" + item->key + "=" +
                        canonical(*item->value, below(place, item->key), words));
      }
      std::sort(parts.begin(), parts.end());
      break;
  }
  std::string out = node.kind == Kind::list ? "[" : "{";
  for (const std::string& part : parts) out += part + ",";
  return out + (node.kind == Kind::list ? "]" : "}");
}

std::string write(YamlTree& tree) {
  arrange(tree.root, Place::root);
  YamlWriter writer;
  writer.map(tree.root, Place::root, 0);
  writer.comments(tree.foot, 0);
  return writer.take();
}

}  // namespace

Result<std::string> format_policy(const std::string& text) {
  Result<YamlTree> tree = read_yaml_tree(text);
  if (!tree) return tree.error();
  if (tree->root.kind != Kind::map) return Error(Errc::invalid, "1:1: a policy file is a map");
  const std::string meaning = canonical(tree->root, Place::root, false);
  const std::vector<std::string> comments = tree->comments;
  std::string out = write(*tree);
  Result<YamlTree> again = read_yaml_tree(out);
  const bool same =
      again && canonical(again->root, Place::root, false) == meaning && again->comments == comments;
  if (!same || write(*again) != out)
    return Error(Errc::internal,
                 "this file cannot be rewritten without changing it; it was left as it is");
  return out;
}

}  // namespace keyward::review
