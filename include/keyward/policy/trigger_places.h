// Places "{{...}}" in the texts of a trigger's input. Pure.
#pragma once

#include "keyward/base/result.h"
#include "keyward/policy/trigger_rule.h"

#include <string>
#include <string_view>
#include <vector>

namespace keyward::policy {

// "text {{fields.order}} text": pieces in their order.
struct InputPiece {
  enum class Form : std::uint8_t {
    literal,  // `name` is the text itself
    text,     // {{NAME}}: the value as text, which must be UTF-8
    base64,   // {{base64 NAME}}: any bytes
    json,     // {{json NAME}}: the value read as JSON; only as a whole text
    number,   // {{number NAME}}: the value read as a number; only as a whole text
  };
  Form form = Form::literal;
  std::string name;  // "fields.order", "id", "principal" ...
};

// Errors say what is wrong with the text and name what may stand there for such a source.
[[nodiscard]] Result<std::vector<InputPiece>> input_pieces(std::string_view text,
                                                           TriggerSource::Kind source);

// All names that events of such a source have, "fields.NAME" among them for a stream.
[[nodiscard]] std::vector<std::string> place_names(TriggerSource::Kind source);

}  // namespace keyward::policy
