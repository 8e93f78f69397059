#include "audit/copied_line.h"

#include "keyward/audit/line_head.h"

#include <boost/json.hpp>

#include <algorithm>
#include <optional>

namespace keyward::audit {
namespace {

// kChainOpening as it stands inside a JSON text.
constexpr std::string_view kEscapedOpening = R"(\"unmapped\":{\"keyward\":{\"prev\":\")";

// Behind the brace that closes the object which `text` is inside of; npos when none does.
std::size_t end_of_object(std::string_view text) {
  int depth = 1;
  bool quoted = false;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const char byte = text[at];
    if (quoted) {
      if (byte == '\\') ++at;
      quoted = byte != '"';
    } else if (byte == '"') {
      quoted = true;
    } else if (byte == '{') {
      ++depth;
    } else if (byte == '}' && --depth == 0) {
      return at + 1;
    }
  }
  return std::string_view::npos;
}

// Whatever a receiver put in front of the chain (OpenSearch: @timestamp), the record begins with
// it.
void take_plain(std::string_view stored, std::vector<std::string>& out) {
  for (std::size_t at = stored.find(kChainOpening); at != std::string_view::npos;
       at = stored.find(kChainOpening)) {
    if (at == 0 || (stored[at - 1] != '{' && stored[at - 1] != ',')) return;
    stored.remove_prefix(at);
    const std::size_t end = end_of_object(stored);
    if (end == std::string_view::npos) return;
    out.push_back("{" + std::string(stored.substr(0, end)));
    stored.remove_prefix(end);
  }
}

// The rest of the JSON text, to the quote that ends it, without its escapes.
std::optional<std::string> unescaped(std::string_view text, std::size_t& length) {
  std::size_t at = 0;
  while (at < text.size() && text[at] != '"') at += text[at] == '\\' ? 2 : 1;
  if (at >= text.size()) return {};
  length = at;
  boost::json::error_code failed;
  const auto value = boost::json::parse("\"" + std::string(text.substr(0, at)) + "\"", failed);
  if (failed || !value.is_string()) return {};
  return std::string(value.get_string());
}

}  // namespace

std::vector<std::string> copied_lines(std::string_view stored) {
  std::vector<std::string> out;
  // Nothing around it: not one byte may differ.
  if (stored.starts_with('{') && stored.substr(1).starts_with(kChainOpening))
    return {std::string(stored)};
  take_plain(stored, out);
  if (!out.empty()) return out;
  for (std::size_t at = stored.find(kEscapedOpening); at != std::string_view::npos;
       at = stored.find(kEscapedOpening)) {
    if (at == 0) break;
    stored.remove_prefix(at - 1);
    std::size_t length = 0;
    const auto text = unescaped(stored, length);
    if (!text) break;
    take_plain(*text, out);
    stored.remove_prefix(std::max(length, kEscapedOpening.size()));
  }
  return out;
}

}  // namespace keyward::audit
