#include "policy/name_space_reader.h"

#include "keyward/base/log.h"

#include <algorithm>

namespace keyward::policy {
namespace {

constexpr std::size_t kLongest = 128;
constexpr std::string_view kSeparators = ":./-_|";

bool may_stand_in_a_name(char c) {
  const auto byte = static_cast<std::uint8_t>(c);
  return byte > ' ' && byte != 0x7F &&
         std::string_view("*?[]\\\"'").find(c) == std::string_view::npos;
}

}  // namespace

void read_name_space(const yaml::Node& node, const yaml::Node& exact_prefix, GrantModel& grant) {
  const bool exact = exact_prefix.boolean().value_or(false);
  if (exact_prefix.present() && !node.present()) {
    exact_prefix.error("`exact_prefix` belongs to `namespace`, and this grant has none",
                       "namespace: \"team:\"");
  }
  const std::optional<std::string> text = node.text();
  if (!text) return;
  grant.name_space_place = {node.file(), node.line(), node.column()};
  if (text->empty()) return node.error("an empty namespace", "\"team:\"");
  if (text->size() > kLongest) return node.error("a namespace has at most 128 bytes");
  const std::optional<Pattern> pattern = read_pattern(node, PatternUse::name_space);
  if (!pattern) return;
  for (const Pattern::Piece& piece : pattern->pieces) {
    if (piece.is_template || std::all_of(piece.text.begin(), piece.text.end(), may_stand_in_a_name))
      continue;
    return node.error(
        "a namespace is plain text: no * ? [ ] \\, no quotes, no white space or control bytes",
        "\"team:\", or '\\{team}:' with a hash tag");
  }
  const Pattern::Piece& last = pattern->pieces.back();
  const bool ends_level =
      !last.is_template && kSeparators.find(last.text.back()) != std::string_view::npos;
  if (!ends_level && !exact) {
    return node.error(
        "a namespace ends with one of : . / - _ |, or it would take in names that "
        "only begin alike",
        "\"" + log::printable(*text, kLongest) + ":\", or exact_prefix: true beside it");
  }
  grant.name_space = *pattern;
}

}  // namespace keyward::policy
