// Key-specs applied to arguments: index or keyword, then a range or a counted list. As redis db.c
// getKeysUsingKeySpecs, but a spec that does not fit the arguments is an error here, never a
// command without keys.
#pragma once

#include "keyward/command/command.h"

#include <span>
#include <string_view>
#include <vector>

namespace keyward::command {

// The arguments of a request of `total` arguments, of which the first args.size() are known.
struct Arguments {
  std::span<const std::string_view> args;
  std::size_t total = 0;
};

// Appends the keys among the known arguments. False: unknown or incomplete spec, keys out of
// bounds, a count that is no plain number, zero keys where `zero_keys` does not allow it, a keyword
// that stands there twice.
[[nodiscard]] bool add_keys(const KeySpec& spec, const Arguments& arguments, bool zero_keys,
                            std::vector<KeyUse>& out);

}  // namespace keyward::command
