// What COMMAND cannot say of a command: how freely it may be handed out, what the proxy must do,
// what the audit must hold.
#pragma once

#include "keyward/command/command_info.h"

#include <optional>
#include <span>
#include <string_view>

namespace keyward::command {

struct Knowledge {
  Exposure exposure = Exposure::never;
  Kind kind = Kind::plain;
  bool mutates = false;  // beside the commands flagged kWrite
  bool scans_keyspace = false;
  std::uint8_t ruled_from = 0;  // as in CommandInfo
};

// Nothing for a command that nobody has judged yet; its caller must then be careful.
[[nodiscard]] std::optional<Knowledge> knowledge_of(std::string_view command);
// Whether an unjudged subcommand of `container` is out of the question for clients.
[[nodiscard]] bool closed_container(std::string_view container);

// Session commands that the proxy answers whatever the server knows.
struct SyntheticCommand {
  std::string_view name;
  int arity;
};
[[nodiscard]] std::span<const SyntheticCommand> synthetic_commands();

}  // namespace keyward::command
