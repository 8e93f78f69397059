#include "proxy/own_commands.h"

#include <algorithm>

namespace keyward::proxy {

namespace {

constexpr std::size_t kShortestReason = 8;
constexpr std::size_t kLongestReason = 500;

}  // namespace

OwnCommand own_command(std::span<const std::string_view> args) {
  if (!is_own(args)) return OwnCommand::none;
  if (args.size() > 1 && same_word(args[1], "BREAK-GLASS")) return OwnCommand::break_glass;
  if (args.size() == 2 && same_word(args[1], "STATUS")) return OwnCommand::status;
  if (args.size() == 2 && same_word(args[1], "HELP")) return OwnCommand::help;
  return OwnCommand::unknown;
}

Result<std::string> break_glass_reason(std::span<const std::string_view> args) {
  std::string reason;
  for (const std::string_view word : args.subspan(2)) {
    if (!reason.empty()) reason += ' ';
    if (reason.size() + word.size() > kLongestReason)
      return Error(Errc::invalid, "the reason is longer than 500 characters");
    reason += word;
  }
  if (reason.size() < kShortestReason)
    return Error(Errc::invalid,
                 "say in 8 to 500 characters why: KEYWARD BREAK-GLASS INC-4711 queue is stuck");
  const bool printable =
      std::all_of(reason.begin(), reason.end(), [](char c) { return c >= ' ' && c <= '~'; });
  if (!printable)
    return Error(Errc::invalid, "the reason may hold printable ASCII characters only");
  return reason;
}

std::string status_reply(const StatusFacts& facts, resp::Protocol protocol) {
  const policy::Grants& grants = facts.grants;
  std::string out;
  resp::write_map(out, 8, protocol);
  const auto text = [&](std::string_view name, std::string_view value) {
    resp::write_bulk(out, name);
    resp::write_bulk(out, value);
  };
  const auto number = [&](std::string_view name, std::int64_t value) {
    resp::write_bulk(out, name);
    resp::write_integer(out, value);
  };
  text("principal", facts.principal);
  text("session", facts.session);
  resp::write_bulk(out, "grants");
  resp::write_array(out, grants.grant_names().size());
  for (const std::string& name : grants.grant_names()) resp::write_bulk(out, name);
  text("namespace", grants.name_space());
  number("database", facts.db);
  text("policy", grants.policy_version());
  number("expires",
         std::chrono::floor<std::chrono::seconds>(facts.expires).time_since_epoch().count());
  number("break-glass", facts.break_glass_left ? facts.break_glass_left->count() : 0);
  return out;
}

std::string own_help() {
  constexpr std::string_view kLines[] = {
      "KEYWARD <subcommand> [<arg> ...]. Subcommands are:",
      "STATUS",
      "    Who you are here: principal, grants, policy version, when the session ends.",
      "BREAK-GLASS <reason ...>",
      "    Adds your grants for emergencies for a limited time. The reason is recorded.",
      "HELP",
      "    Print this help."};
  std::string out;
  resp::write_array(out, std::size(kLines));
  for (const std::string_view line : kLines) resp::write_simple(out, line);
  return out;
}

}  // namespace keyward::proxy
