// Answers that need no Redis: CLIENT, INFO, and the harmless probes that some libraries send
// outside any team's prefix.
#pragma once

#include "keyward/audit/event.h"
#include "keyward/command/command.h"
#include "keyward/proxy/roster.h"
#include "keyward/proxy/shard.h"
#include "keyward/resp/writer.h"

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace keyward::proxy {

// The state that CLIENT shows and changes.
struct ClientState {
  Presence& presence;
  resp::Protocol protocol = resp::Protocol::resp2;
  audit::Subject& subject;
  MonoTime now{};
};

// The whole reply to a CLIENT subcommand.
[[nodiscard]] std::string client_reply(const command::Command& command, ClientState state);
// CLIENT LIST: the sessions of one identity.
[[nodiscard]] std::string client_list(std::span<const std::string_view> args, const Roster& roster,
                                      MonoTime now, resp::Protocol protocol);
// INFO from what is known of Redis, reduced to what client libraries read; `args` may name
// sections. `shown`: lower-case globs of the sections that the grants show, empty for all.
[[nodiscard]] std::string info_reply(const ServerFacts& facts,
                                     std::span<const std::string_view> args,
                                     resp::Protocol protocol,
                                     std::span<const std::string> shown = {});
// StackExchange.Redis asks for the key __Booksleeve_TieBreak at connect: answered "no such key",
// and no attack in the trail.
[[nodiscard]] bool absorbed_preamble(const command::Command& command, std::string_view name_space,
                                     resp::Protocol protocol, std::string& reply);
// RESP2 lets a subscribed connection run nothing else. Source: redis server.c processCommand.
[[nodiscard]] bool allowed_while_subscribed(command::Kind kind, std::string_view name);
[[nodiscard]] bool is_subscription(command::Kind kind);

}  // namespace keyward::proxy
