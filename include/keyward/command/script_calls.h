// Which commands a Lua script names, by its text.
#pragma once

#include "keyward/command/catalog.h"

#include <string_view>
#include <vector>

namespace keyward::command {

// The commands that stand as literal text behind redis.call( and redis.pcall(: names of the
// catalogue, each once, in the order of their first use, at most 64 of the first 256 KiB. What a
// script puts together at run time is not found. Pure; the views are the catalogue's.
[[nodiscard]] std::vector<std::string_view> calls_in_script(std::string_view text,
                                                            const Catalog& catalog);

}  // namespace keyward::command
