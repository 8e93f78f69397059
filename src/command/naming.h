// What each command names beyond its keys and channels, in the request and in the answer.
#pragma once

#include "keyward/command/command_info.h"

#include <optional>
#include <string_view>

namespace keyward::command {

struct Names {
  Naming naming = Naming::unknown;
  Answer answer = Answer::nameless;
};

// Nothing for a command that nobody has looked at.
[[nodiscard]] std::optional<Names> names_of(std::string_view command);
[[nodiscard]] NameArgs name_args_of(std::string_view command);

}  // namespace keyward::command
