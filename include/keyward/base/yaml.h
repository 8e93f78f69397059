// YAML read with its places: every complaint names file, line and column, and all are collected.
#pragma once

#include "keyward/base/diagnostics.h"

#include <yaml-cpp/yaml.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace keyward::yaml {

// One node with the file it came from. Getters report into the Diagnostics on a wrong type and then
// answer nullopt/empty. An absent or null node answers nullopt/empty without a report, and so does
// everything below it: need() is what reports. A report holds keys and places and no value, which
// may be a misplaced secret; a bare number where a duration belongs is the one exception.
class Node {
 public:
  Node() = default;
  Node(std::string file, YAML::Node node, Diagnostics* diagnostics);

  [[nodiscard]] bool present() const;  // exists and is not null
  [[nodiscard]] bool is_map() const;
  [[nodiscard]] bool is_list() const;
  [[nodiscard]] bool is_scalar() const;
  [[nodiscard]] bool is_quoted() const;  // a scalar in quotes: text, whatever it looks like
  [[nodiscard]] int line() const;    // 1-based
  [[nodiscard]] int column() const;  // 1-based
  [[nodiscard]] const std::string& file() const { return file_; }

  // The child of a map; absent child answers present() == false. Reports when this is no map.
  [[nodiscard]] Node get(std::string_view key) const;
  // As get(), and reports `key is required` when it is missing or null. Quiet when this node itself
  // is absent.
  [[nodiscard]] Node need(std::string_view key) const;
  [[nodiscard]] std::vector<Node> list() const;  // a scalar counts as a list of one
  [[nodiscard]] std::vector<std::pair<std::string, Node>> entries()
      const;  // of a map, in file order
  // Reports every key that is not in `known`, with the nearest right one. (Duplicated keys: parse()
  // reports them all.)
  void only(const std::vector<std::string>& known) const;

  [[nodiscard]] std::optional<std::string> text() const;
  [[nodiscard]] std::optional<bool> boolean() const;
  [[nodiscard]] std::optional<std::int64_t> integer(std::int64_t low, std::int64_t high) const;
  [[nodiscard]] std::optional<std::chrono::milliseconds> duration() const;  // 250ms 30s 5m 12h 7d
  [[nodiscard]] std::optional<std::uint64_t> bytes() const;                 // 512 64KiB 8MiB 1GiB
  [[nodiscard]] std::vector<std::string> texts() const;

  // Changes every text below, keys of maps left out. For a document that nobody else reads.
  void change_texts(const std::function<std::string(std::string_view)>& change);

  void error(std::string what, std::string instead = {}) const;
  void warning(std::string what, std::string instead = {}) const;

 private:
  [[nodiscard]] Node below(const std::string& key, const YAML::Node& child) const;
  [[nodiscard]] Node missing(std::string_view key) const;
  [[nodiscard]] std::string named() const;
  // The scalar's text, or nullopt after reporting `expected` when there is something else here.
  [[nodiscard]] std::optional<std::string> scalar(std::string_view expected) const;
  // As scalar(), for numbers and truth values: a quoted "1" is text and no number.
  [[nodiscard]] std::optional<std::string> plain(std::string_view expected) const;

  std::string file_;
  std::string key_;  // under which this node stands, for the reports
  YAML::Node node_;
  bool absent_ = true;
  int line_ = 0;  // of the parent when absent
  int column_ = 0;
  Diagnostics* diagnostics_ = nullptr;
};

// Parses one YAML document of at most 4 MiB, 200 000 nodes and 64 levels, in UTF-8. Syntax errors,
// aliases, tags, duplicated keys, keys that are no text and further documents go to the
// Diagnostics.
[[nodiscard]] Node parse(std::string file, const std::string& content, Diagnostics& diagnostics);
[[nodiscard]] Node load(const std::string& path, Diagnostics& diagnostics);

}  // namespace keyward::yaml
