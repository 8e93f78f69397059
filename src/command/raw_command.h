// A command as a server or the built-in table describes it, before it is judged and numbered.
#pragma once

#include "keyward/base/result.h"
#include "keyward/command/catalog.h"
#include "keyward/command/command_info.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace keyward::command {

struct RawCommand {
  std::string name;  // lower case, "config|get" for a subcommand
  int arity = 0;
  std::uint32_t flags = 0;
  std::vector<std::string> categories;  // without "@"
  std::vector<KeySpec> key_specs;
  bool has_key_specs = false;   // the server reports them (7.0 and later)
  bool has_categories = false;  // (6.0 and later)
  bool has_subcommands = false;
  bool synthetic = false;                     // known to the proxy alone
  int first_key = 0, last_key = 0, step = 0;  // the older way to say where keys are
};

// The bit of a flag as COMMAND names it; 0 for flags that do not matter here.
[[nodiscard]] std::uint32_t flag_bit(std::string_view name);

// src/command/command_table.inc.
[[nodiscard]] std::vector<RawCommand> built_in_commands();
[[nodiscard]] ServerVersion built_in_version();

// The bytes of a RESP2 reply to COMMAND; subcommands stand behind their container. Errc::invalid
// when it is none.
[[nodiscard]] Result<std::vector<RawCommand>> commands_of_reply(std::string_view reply);

}  // namespace keyward::command
