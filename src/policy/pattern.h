// A key or channel pattern of a policy file: a Redis glob with places for values of the principal's
// token.
#pragma once

#include "keyward/base/result.h"
#include "keyward/base/yaml.h"
#include "keyward/identity/principal.h"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace keyward::policy {

struct Pattern {
  struct Piece {
    bool is_template = false;
    std::string text;  // glob text, or the template's name: "subject", "claim.team"
  };
  std::vector<Piece> pieces;
};

enum class PatternUse { key, channel, name_space };

// Reads and checks one pattern (of a namespace: the templates in it); complaints go to the node's
// Diagnostics, nullopt when it cannot be used.
[[nodiscard]] std::optional<Pattern> read_pattern(const yaml::Node& node, PatternUse use);

// Stands for nobody: fill() leaves every template as it is written, "{subject}".
[[nodiscard]] const identity::Principal& as_written();

// The glob for this principal; null stands for the example values of the command line. Errors:
// Errc::forbidden, "template_value: ...", when a value is missing or could widen the pattern.
[[nodiscard]] Result<std::string> fill(const Pattern& pattern,
                                       const identity::Principal* principal);

// The rule for values that may stand in a pattern: [A-Za-z0-9_.-]{1,64}. Nothing is escaped
// instead: a value with `:` or
// `*` would move or widen the pattern.
[[nodiscard]] bool plain_value(std::string_view value);

}  // namespace keyward::policy
