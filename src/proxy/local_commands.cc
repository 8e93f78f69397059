#include "proxy/local_commands.h"

#include "proxy/greeting.h"
#include "proxy/wire_errors.h"

#include "keyward/policy/glob.h"

#include <algorithm>
#include <cctype>

namespace keyward::proxy {

namespace {

bool same_word(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](unsigned char x, unsigned char y) {
    return std::tolower(x) == std::tolower(y);
  });
}

std::string error(std::string_view text) {
  std::string out;
  resp::write_error(out, text);
  return out;
}

// One line as CLIENT INFO and CLIENT LIST show it; only what is the client's own. Source:
// networking.c catClientInfoString.
std::string describe(const ClientState& state) {
  return "id=" + std::to_string(state.id) + " addr=" + state.subject.source_ip + ":" +
         std::to_string(state.subject.source_port) + " name=" + state.name +
         " db=" + std::to_string(state.db) + " user=" + std::string(state.subject.principal) +
         " resp=" + std::to_string(static_cast<int>(state.protocol)) +
         " lib-name=" + state.library + " lib-ver=" + state.library_version + "\n";
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
  (same_word(what, "lib-name") ? state.library : state.library_version) = value;
  state.subject.client_library =
      state.library + (state.library_version.empty() ? "" : " " + state.library_version);
  state.subject.changed();
  return "+OK\r\n";
}

std::string set_name(const command::Command& command, ClientState& state) {
  const std::string_view name = command.args[2];
  if (!valid_client_name(name)) return error(wire::kClientName);
  if (name.size() > 256) return error("ERR the client name is longer than 256 bytes");
  state.name = name;
  state.subject.client_name = state.name;
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
    return std::any_of(shown.begin(), shown.end(), [&](const std::string& glob) {
      return policy::glob_match(glob, low);
    });
  });
}

}  // namespace

std::string client_reply(const command::Command& command, ClientState state) {
  const std::string& name = command.info->name;
  std::string out;
  if (name == "client|id") {
    resp::write_integer(out, static_cast<std::int64_t>(state.id));
  } else if (name == "client|getname") {
    state.name.empty() ? resp::write_null(out, state.protocol) : resp::write_bulk(out, state.name);
  } else if (name == "client|setname") {
    return set_name(command, state);
  } else if (name == "client|setinfo") {
    return set_info(command, state);
  } else if (name == "client|info" || name == "client|list") {
    resp::write_verbatim(out, describe(state), state.protocol);
  } else if (name == "client|no-touch") {
    return "+OK\r\n";
  } else if (name == "client|tracking") {
    return error(wire::kTracking);
  } else if (name == "readonly" || name == "readwrite" || name == "asking") {
    return error(wire::kClusterOff);
  } else {
    const std::string_view sub = command.args.size() > 1 ? command.args[1] : std::string_view();
    return error("ERR unknown subcommand '" + std::string(sub.substr(0, 128)) +
                 "'. Try CLIENT HELP.");
  }
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

bool absorbed_preamble(const command::Command& command, resp::Protocol protocol,
                       std::string& reply) {
  if (command.info->name != "get" || command.args[1] != "__Booksleeve_TieBreak") return false;
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
