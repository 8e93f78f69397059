// Random, syntactically valid requests for every command of the built-in table, after the server's
// own COMMAND DOCS. Deterministic for a seed. "Valid" is Redis's sense: SORT BY patterns and the
// like come up, though Keyward refuses them.
#pragma once

#include "keyward/command/catalog.h"

#include <cstdint>
#include <functional>
#include <map>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace keyward::test {

class CommandGenerator {
 public:
  // Names of commands with a known syntax, lower case, "config|get" for a subcommand.
  [[nodiscard]] static const std::map<std::string, std::string, std::less<>>& syntaxes() {
    static const std::map<std::string, std::string, std::less<>> table = {
#include "support/command_syntax.inc"
    };
    return table;
  }

  CommandGenerator(std::mt19937_64& random, const std::vector<std::string>& key_pool)
      : random_(random), keys_(key_pool) {}

  // What stands in a place that is no key, by its type and name in COMMAND DOCS; "" for the usual.
  std::function<std::string(char type, std::string_view name)> filler;

  // The request's arguments, its name included; only the name when the syntax is not known.
  std::vector<std::string> request(std::string_view name) {
    out_.clear();
    const std::size_t bar = name.find('|');
    out_.push_back(spelled(name.substr(0, bar)));
    if (bar != std::string_view::npos) out_.push_back(spelled(name.substr(bar + 1)));
    const auto found = syntaxes().find(name);
    if (found == syntaxes().end()) return out_;
    std::string_view text = found->second;
    const std::vector<Node> nodes = parse(text);
    numkeys_at_ = 0;
    count_ = 0;
    for (const Node& node : nodes) emit(node);
    return out_;
  }

 private:
  struct Node {
    char type = 's';
    bool optional = false, multiple = false, token_repeats = false;
    std::string token, name;
    std::vector<Node> children;
  };

  static std::string_view take(std::string_view& text, char separator) {
    const std::size_t end = text.find(separator);
    const std::string_view word = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    return word;
  }

  static std::vector<Node> parse(std::string_view& text) {
    std::vector<Node> nodes;
    while (!text.empty()) {
      std::string_view word = take(text, ' ');
      if (word == ")") break;
      if (word == "(") {
        nodes.back().children = parse(text);
        continue;
      }
      Node& node = nodes.emplace_back();
      const std::string_view marks = take(word, ':');
      node.type = marks[0];
      node.optional = marks.find('?') != std::string_view::npos;
      node.multiple = marks.find('*') != std::string_view::npos;
      node.token_repeats = marks.find('+') != std::string_view::npos;
      node.token = take(word, ':');
      node.name = word;
    }
    return nodes;
  }

  std::uint64_t below(std::uint64_t bound) { return random_() % bound; }

  std::string spelled(std::string_view word) {
    std::string text(word);
    const auto style = below(3);
    for (char& c : text) {
      const bool up = style == 0 || (style == 1 && below(2) == 0);
      if (up && c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
      if (!up && c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    }
    return text;
  }

  std::string key() {
    return keys_.empty() ? "key:" + std::to_string(below(8)) : keys_[below(keys_.size())];
  }

  std::string value(const Node& node) {
    if (filler && node.type != 'k') {
      if (std::string text = filler(node.type, node.name); !text.empty()) return text;
    }
    switch (node.type) {
      case 'k':
        return key();
      case 'i':
        return node.name == "cursor" ? "0" : std::to_string(1 + below(20));
      case 'd':
        return std::to_string(below(80)) + ".5";
      case 'u':
        return std::to_string(2'000'000'000 + below(1000));
      case 'p':
        return below(2) == 0 ? key() : "p" + std::to_string(below(9)) + "*";
      default:
        break;
    }
    if (node.name.find("channel") != std::string::npos) return key();
    if (node.name.find("id") != std::string::npos) return std::to_string(below(9)) + "-1";
    if (node.name == "count" || node.name == "threshold") return std::to_string(1 + below(9));
    if (node.name == "min" || node.name == "max") return std::to_string(below(9));
    return "v" + std::to_string(below(100));
  }

  // How often a repeated argument comes: ids as often as the keys before them, weights as well.
  std::size_t times(const Node& node) {
    if (!node.multiple) return 1;
    if ((node.name == "id" || node.name == "weight") && count_ > 0) return count_;
    return 1 + below(4);
  }

  void emit_once(const Node& node) {
    if (node.type == 'o') {
      if (!node.children.empty()) emit(node.children[below(node.children.size())]);
    } else if (node.type == 'b') {
      for (const Node& child : node.children) emit(child);
    } else if (node.type != 't') {
      out_.push_back(value(node));
    }
  }

  void emit(const Node& node) {
    if (node.optional && below(3) != 0) {
      if (node.type == 'k' && numkeys_at_ != 0) out_[numkeys_at_] = "0";
      return;
    }
    const std::size_t count = times(node);
    if (node.type == 'i' && node.name == "numkeys") numkeys_at_ = out_.size();
    for (std::size_t i = 0; i < count; ++i) {
      if (!node.token.empty() && (i == 0 || node.token_repeats)) {
        // A sign or word as it stands; letters in any case.
        out_.push_back(spelled(node.token));
      }
      if (node.type == 't' && node.token.empty()) out_.emplace_back();
      emit_once(node);
    }
    if (node.type == 'k') count_ = count;
    if (node.type == 'k' && numkeys_at_ != 0) {
      out_[numkeys_at_] = std::to_string(count);
      numkeys_at_ = 0;
    }
  }

  std::mt19937_64& random_;
  const std::vector<std::string>& keys_;
  std::vector<std::string> out_;
  std::size_t numkeys_at_ = 0;  // where a count waits for its keys
  std::size_t count_ = 0;       // of the last repeated keys
};

// A request for `info`; keys and channels come from `key_pool`.
inline std::vector<std::string> random_request(const command::CommandInfo& info,
                                               std::mt19937_64& random,
                                               const std::vector<std::string>& key_pool) {
  std::vector<std::string> request = CommandGenerator(random, key_pool).request(info.name);
  // The documentation of some commands lacks arguments that their arity wants (COMMAND GETKEYS).
  const auto least = static_cast<std::size_t>(info.arity < 0 ? -info.arity : info.arity);
  while (request.size() < least) request.emplace_back("ping");
  return request;
}

// A request for any command that the server has.
inline std::vector<std::string> random_command(const command::Catalog& catalog,
                                               std::mt19937_64& random,
                                               const std::vector<std::string>& key_pool) {
  for (;;) {
    const command::CommandInfo& info = catalog.all()[random() % catalog.all().size()];
    const bool runs = !info.container || info.arity == -1;
    if (info.on_server && runs && CommandGenerator::syntaxes().contains(info.name)) {
      return random_request(info, random, key_pool);
    }
  }
}

}  // namespace keyward::test
