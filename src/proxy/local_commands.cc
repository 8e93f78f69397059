#include "proxy/local_commands.h"

#include "proxy/greeting.h"
#include "proxy/wire_errors.h"

#include "keyward/base/ascii.h"
#include "keyward/policy/glob.h"
#include "keyward/policy/name_space.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <vector>

namespace keyward::proxy {

namespace {

std::string error(std::string_view text) {
  std::string out;
  resp::write_error(out, text);
  return out;
}

std::string set_info(const command::Command& command, ClientState& state) {
  const std::string_view what = command.args[2];
  const std::string_view value = command.args[3];
  if (!same_word(what, "lib-name") && !same_word(what, "lib-ver")) {
    return error("ERR Unrecognized option '" + std::string(what.substr(0, 64)) + "'");
  }
  if (!valid_client_name(value) || value.size() > 256) {
    return error("ERR " + std::string(what) +
                 " cannot contain spaces, newlines or special characters.");
  }
  Presence& shown = state.presence;
  (same_word(what, "lib-name") ? shown.library : shown.library_version) = value;
  state.subject.client_library =
      shown.library + (shown.library_version.empty() ? "" : " " + shown.library_version);
  state.subject.changed();
  return "+OK\r\n";
}

std::string set_name(const command::Command& command, ClientState& state) {
  const std::string_view name = command.args[2];
  if (!valid_client_name(name)) return error(wire::kClientName);
  if (name.size() > 256) return error("ERR the client name is longer than 256 bytes");
  state.presence.name = name;
  state.subject.client_name = name;
  state.subject.changed();
  return "+OK\r\n";
}

// "# Section" blocks of INFO, one at a time: those whose title the caller wants.
template <class Wanted>
std::string sections_of(std::string_view info, Wanted&& wanted) {
  std::string out;
  std::size_t at = 0;
  while (at < info.size()) {
    const std::size_t end_of_title = info.find("\r\n", at);
    if (end_of_title == std::string_view::npos) break;
    std::size_t next = info.find("\r\n# ", end_of_title);
    next = next == std::string_view::npos ? info.size() : next + 2;
    if (wanted(info.substr(at + 2, end_of_title - at - 2))) {
      if (!out.empty() && !out.ends_with("\r\n\r\n")) out += "\r\n";
      out += info.substr(at, next - at);
    }
    at = next;
  }
  return out;
}

std::string shown_sections(std::string_view info, std::span<const std::string> shown) {
  return sections_of(info, [&](std::string_view title) {
    std::string low(title);
    for (char& c : low) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
    return std::any_of(shown.begin(), shown.end(),
                       [&](const std::string& glob) { return policy::glob_match(glob, low); });
  });
}

}  // namespace

std::string client_reply(const command::Command& command, ClientState state) {
  const std::string& name = command.info->name;
  std::string out;
  if (name == "client|id") {
    resp::write_integer(out, static_cast<std::int64_t>(state.presence.id));
  } else if (name == "client|getname") {
    const std::string& own = state.presence.name;
    own.empty() ? resp::write_null(out, state.protocol) : resp::write_bulk(out, own);
  } else if (name == "client|setname") {
    return set_name(command, state);
  } else if (name == "client|setinfo") {
    return set_info(command, state);
  } else if (name == "client|info") {
    resp::write_verbatim(out, describe(state.presence, state.now), state.protocol);
  } else if (name == "client|no-touch") {
    return "+OK\r\n";
  } else if (name == "readonly" || name == "readwrite" || name == "asking") {
    return error(wire::kClusterOff);
  } else {
    const std::string_view sub = command.args.size() > 1 ? command.args[1] : std::string_view();
    return error("ERR unknown subcommand '" + std::string(sub.substr(0, 128)) +
                 "'. Try CLIENT HELP.");
  }
  return out;
}

std::string client_list(std::span<const std::string_view> args, const Roster& roster, MonoTime now,
                        resp::Protocol protocol) {
  std::function<bool(const Presence&)> wanted = [](const Presence&) { return true; };
  std::vector<std::uint64_t> ids;
  if (args.size() == 4 && same_word(args[2], "type")) {
    const bool normal = same_word(args[3], "normal");
    const bool pubsub = same_word(args[3], "pubsub");
    const bool servers = same_word(args[3], "master") || same_word(args[3], "replica") ||
                         same_word(args[3], "slave");
    if (!normal && !pubsub && !servers)
      return error("ERR Unknown client type '" + std::string(args[3].substr(0, 64)) + "'");
    wanted = [=](const Presence& one) { return !servers && one.subscribed == pubsub; };
  } else if (args.size() > 3 && same_word(args[2], "id")) {
    for (const std::string_view text : args.subspan(3)) {
      std::uint64_t id = 0;
      const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), id);
      if (code != std::errc() || end != text.data() + text.size() || id == 0)
        return error("ERR Invalid client ID");
      ids.push_back(id);
    }
    std::sort(ids.begin(), ids.end());
    wanted = [&](const Presence& one) {
      return std::binary_search(ids.begin(), ids.end(), one.id);
    };
  } else if (args.size() != 2) {
    return error(wire::kSyntax);
  }
  std::string out;
  resp::write_verbatim(out, roster.list(wanted, now), protocol);
  return out;
}

std::string info_reply(const ServerFacts& facts, std::span<const std::string_view> args,
                       resp::Protocol protocol, std::span<const std::string> shown) {
  const std::string info = shown.empty() ? facts.info : shown_sections(facts.info, shown);
  std::string text;
  for (const std::string_view wanted : args.subspan(1)) {
    if (same_word(wanted, "all") || same_word(wanted, "everything") ||
        same_word(wanted, "default")) {
      text = info;
      break;
    }
    const std::string section =
        sections_of(info, [&](std::string_view title) { return same_word(title, wanted); });
    if (section.empty()) continue;
    if (!text.empty()) text += "\r\n";
    text += section;
  }
  if (args.size() == 1) text = info;
  std::string out;
  resp::write_verbatim(out, text, protocol);
  return out;
}

bool absorbed_preamble(const command::Command& command, std::string_view name_space,
                       resp::Protocol protocol, std::string& reply) {
  if (command.info->name != "get" ||
      policy::bare_key(name_space, command.args[1]) != "__Booksleeve_TieBreak")
    return false;
  resp::write_null(reply, protocol);
  return true;
}

bool allowed_while_subscribed(command::Kind kind, std::string_view name) {
  return is_subscription(kind) || kind == command::Kind::quit || kind == command::Kind::reset ||
         name == "ping";
}

bool is_subscription(command::Kind kind) {
  using command::Kind;
  switch (kind) {
    case Kind::subscribe:
    case Kind::unsubscribe:
    case Kind::psubscribe:
    case Kind::punsubscribe:
    case Kind::ssubscribe:
    case Kind::sunsubscribe:
      return true;
    default:
      return false;
  }
}

}  // namespace keyward::proxy
