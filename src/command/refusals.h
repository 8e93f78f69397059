// The error texts of analyse(): Redis 7.0's own where Redis has one, else "ERR syntax error in
// ...". They name options and positions, never an argument's bytes, except where Redis repeats the
// arguments of an unknown command to its sender.
#pragma once

#include "keyward/command/command.h"

#include <span>
#include <string>
#include <string_view>

namespace keyward::command {

[[nodiscard]] Analysis unknown_command(const Catalog& catalog,
                                       std::span<const std::string_view> args);
[[nodiscard]] Analysis wrong_arity(const CommandInfo& info);
[[nodiscard]] Analysis syntax_error(const CommandInfo& info, std::string_view what);
// "argument 4 <what>"
[[nodiscard]] Analysis argument_error(const CommandInfo& info, std::size_t index,
                                      std::string_view what);
// "option LIMIT <what>"
[[nodiscard]] Analysis option_error(const CommandInfo& info, std::string_view option,
                                    std::string_view what);

}  // namespace keyward::command
