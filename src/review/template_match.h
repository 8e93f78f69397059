// Names against patterns whose templates stand for themselves, "sandbox:{subject}:*".
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace keyward::review {

// nullopt when no value of the templates makes the pattern match. Else which value does, as
// "{subject} is dev.1"; "" for a pattern without templates.
[[nodiscard]] std::optional<std::string> match_template(std::string_view pattern,
                                                        std::string_view name);

}  // namespace keyward::review
