#include "policy/expectation_reader.h"

#include "policy/who_reader.h"

#include "keyward/base/log.h"

namespace keyward::policy {
namespace {

namespace json = boost::json;

// A YAML scalar becomes text: claims are compared as text.
json::value claim_value(const yaml::Node& node) {
  if (node.is_map()) {
    json::object object;
    for (const auto& [key, child] : node.entries()) object[key] = claim_value(child);
    return object;
  }
  if (node.is_list()) {
    json::array array;
    for (const yaml::Node& child : node.list()) array.push_back(claim_value(child));
    return array;
  }
  return json::string(node.text().value_or(""));
}

identity::Principal read_principal(const yaml::Node& node,
                                   const std::vector<std::string>& issuers) {
  identity::Principal principal;
  if (!node.present()) return principal;
  node.only({"issuer", "subject", "groups", "claims"});
  principal.issuer_alias = read_issuer(node.need("issuer"), issuers);
  principal.subject = node.get("subject").text().value_or("expect");
  principal.id = principal.issuer_alias + ":" + principal.subject;
  principal.groups = node.get("groups").texts();
  const yaml::Node claims = node.get("claims");
  if (claims.present()) {
    for (const auto& [key, child] : claims.entries()) principal.claims[key] = claim_value(child);
  }
  return principal;
}

void read_lines(const yaml::Node& node, bool allow, Expectation& out) {
  if (!node.present()) return;
  for (const yaml::Node& item : node.list()) {
    const std::optional<std::string> text = item.text();
    if (!text) continue;
    const auto argv = split_command(*text);
    if (!argv || argv->empty()) {
      item.error("not a command line: its quotes do not close, or it is empty", "GET \"a key\"");
      continue;
    }
    out.lines.push_back({*text, allow, {item.file(), item.line(), item.column()}});
  }
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

class LineReader {
 public:
  explicit LineReader(std::string_view line) : line_(line) {}

  std::optional<std::vector<std::string>> run() {
    std::vector<std::string> words;
    while (true) {
      while (at_ < line_.size() && is_space(line_[at_])) ++at_;
      if (at_ == line_.size()) return words;
      word_.clear();
      if (!word()) return std::nullopt;
      words.push_back(word_);
    }
  }

 private:
  bool word() {
    while (at_ < line_.size() && !is_space(line_[at_])) {
      const char c = line_[at_++];
      if (c != '"' && c != '\'') {
        word_ += c;
        continue;
      }
      if (!quoted(c)) return false;
      return at_ == line_.size() || is_space(line_[at_]);
    }
    return true;
  }

  bool quoted(char quote) {
    while (at_ < line_.size()) {
      const char c = line_[at_++];
      if (c == quote) return true;
      if (c != '\\' || at_ == line_.size()) {
        word_ += c;
      } else if (quote == '"') {
        escape();
      } else if (line_[at_] == '\'') {
        word_ += line_[at_++];
      } else {
        word_ += c;
      }
    }
    return false;
  }

  void escape() {
    const char c = line_[at_++];
    if (c == 'x' && at_ + 1 < line_.size() && hex_digit(line_[at_]) >= 0 &&
        hex_digit(line_[at_ + 1]) >= 0) {
      word_ += static_cast<char>(hex_digit(line_[at_]) * 16 + hex_digit(line_[at_ + 1]));
      at_ += 2;
      return;
    }
    constexpr std::string_view kNames = "nrtba";
    constexpr std::string_view kBytes = "\n\r\t\b\a";
    const std::size_t named = kNames.find(c);
    word_ += named == std::string_view::npos ? c : kBytes[named];
  }

  std::string_view line_;
  std::size_t at_ = 0;
  std::string word_;
};

}  // namespace

std::vector<Expectation> read_expectations(const yaml::Node& node,
                                           const std::vector<std::string>& issuers) {
  std::vector<Expectation> out;
  if (!node.present()) return out;
  for (const yaml::Node& item : node.list()) {
    if (!item.is_map()) {
      item.error("an `expect` case must be a map",
                 "- {as: {issuer: okta}, allow: [\"GET team:k\"]}");
      continue;
    }
    item.only({"as", "break_glass", "allow", "deny"});
    Expectation one;
    one.as = read_principal(item.need("as"), issuers);
    one.break_glass = item.get("break_glass").boolean().value_or(false);
    read_lines(item.get("allow"), true, one);
    read_lines(item.get("deny"), false, one);
    if (!item.get("allow").present() && !item.get("deny").present()) {
      item.error("an `expect` case that expects nothing", "allow: [...] or deny: [...]");
    }
    out.push_back(std::move(one));
  }
  return out;
}

std::optional<std::vector<std::string>> split_command(std::string_view line) {
  return LineReader(line).run();
}

}  // namespace keyward::policy
