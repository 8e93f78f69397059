// KEYWARD ...: what a client may ask of the proxy itself, from any library. Pure.
#pragma once

#include "keyward/base/ascii.h"
#include "keyward/base/clock.h"
#include "keyward/base/result.h"
#include "keyward/policy/grants.h"
#include "keyward/resp/writer.h"

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace keyward::proxy {

enum class OwnCommand : std::uint8_t { none, status, break_glass, help, unknown };
inline constexpr std::string_view kOwnName = "KEYWARD";
[[nodiscard]] inline bool is_own(std::span<const std::string_view> args) {
  return args[0].size() == kOwnName.size() && same_word(args[0], kOwnName);
}
// `none`: not addressed to the proxy.
[[nodiscard]] OwnCommand own_command(std::span<const std::string_view> args);

// The words behind KEYWARD BREAK-GLASS as one text: 8 to 500 printable characters. Errors are for
// the client.
[[nodiscard]] Result<std::string> break_glass_reason(std::span<const std::string_view> args);

struct StatusFacts {
  std::string_view principal;
  std::string_view session;  // as it stands in request ids and in the audit trail
  const policy::Grants& grants;
  std::uint32_t db = 0;
  WallTime expires{};
  std::optional<std::chrono::seconds> break_glass_left;
};
// A map: who am I, by which grants, until when.
[[nodiscard]] std::string status_reply(const StatusFacts& facts, resp::Protocol protocol);
[[nodiscard]] std::string own_help();

}  // namespace keyward::proxy
