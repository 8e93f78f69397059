// Whether the argument rules of an entry cover what a command says beyond its keys.
#pragma once

#include "keyward/policy/grants.h"

namespace keyward::policy {

// "~*" or "%R~*" and their like: one pattern for every key with that access.
[[nodiscard]] bool every_key(const Entry& entry, std::uint8_t access);

// `use` is one of command.ruled. Allocates nothing.
[[nodiscard]] bool covers_argument(const Entry& entry, const command::Command& command,
                                   const command::RuledUse& use);

// CONFIG GET `name`, in lower case, could show a password or who has it: no rule opens that.
[[nodiscard]] bool names_secret(std::string_view name);

}  // namespace keyward::policy
