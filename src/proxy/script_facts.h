// What a record says of a script or function that is handed over or called: its digest, never its
// text. No I/O.
#pragma once

#include "keyward/command/catalog.h"
#include "keyward/command/command.h"

#include <string>
#include <string_view>
#include <vector>

namespace keyward::proxy {

struct ScriptFacts {
  std::string sha1;                    // lower case; empty = no text and none named
  std::string_view function, library;  // names, where they have the form that Redis asks of them
  // The commands that the text names. Redis holds these against the grants as well, so a policy made
  // from a trail has to know them.
  std::vector<std::string_view> calls;
  std::string_view text;  // of what Redis keeps from now on; empty = nothing new is handed over
};

// Views into the command's arguments.
[[nodiscard]] ScriptFacts script_facts(const command::Command& command,
                                       const command::Catalog& catalog);

}  // namespace keyward::proxy
