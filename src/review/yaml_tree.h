// A YAML document as it is written: values with their places, and every comment with the value that
// it is about.
#pragma once

#include "keyward/base/result.h"

#include <memory>
#include <string>
#include <vector>

namespace keyward::review {

struct YamlNode;

// One entry of a map or one item of a list, with the comments around it. A blank line between
// comments is an empty one.
struct YamlItem {
  std::string key;  // of a map's entry
  bool quoted_key = false;
  std::unique_ptr<YamlNode> value;
  int line = 0, column = 0;    // from 0, where it begins: its key, or the item itself
  int indent = 0;              // of its key or its dash
  std::size_t end = 0;         // byte behind its key or scalar
  YamlItem* parent = nullptr;  // whose value it stands in; null at the top
  bool in_flow = false;
  std::vector<std::string> before, after;  // lines of their own
  std::string beside;                      // at the end of its line
  [[nodiscard]] bool commented() const {
    return !before.empty() || !after.empty() || !beside.empty();
  }
};

struct YamlNode {
  enum class Kind { scalar, null, map, list };
  Kind kind = Kind::null;
  std::string text;     // of a scalar
  bool quoted = false;  // "1" is text, 1 a number
  std::vector<std::unique_ptr<YamlItem>> items;
  // Some item in it, however deep, has a comment.
  [[nodiscard]] bool commented() const;
};

struct YamlTree {
  YamlNode root;
  std::vector<std::string> foot;      // comments behind everything
  std::vector<std::string> comments;  // all of them, sorted
};

// Errors say line and column.
[[nodiscard]] Result<YamlTree> read_yaml_tree(const std::string& text);

}  // namespace keyward::review
