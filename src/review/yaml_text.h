// Text as a scalar of a policy file: plain where nobody can misread it, else quoted.
#pragma once

#include <string>
#include <string_view>

namespace keyward::review {

// YAML reads it plain, in a flow list too, as this very text and never as a number or a truth
// value.
[[nodiscard]] bool reads_plain(std::string_view text);
// Plain, 'single' for what holds \ or ", else "double". `text` is UTF-8; control bytes are escaped.
[[nodiscard]] std::string yaml_scalar(std::string_view text);
// An argument of an `expect` command line, in the quotes of redis-cli where it needs any.
[[nodiscard]] std::string command_word(std::string_view bytes);

}  // namespace keyward::review
