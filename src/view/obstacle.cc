#include "keyward/base/hash.h"
#include "keyward/policy/name_space.h"
#include "keyward/view/request.h"

#include <algorithm>

namespace keyward::view {
namespace {

using command::Command;
using command::Kind;

std::string refused(const Command& command, std::string_view why) {
  return "NOPERM command '" + command.info->name +
         "' cannot be run under the namespace of your grant: " + std::string(why);
}

std::string lowered(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

// Empty: there is no text to take it of (FCALL runs what somebody loaded, a streamed script is not
// here).
std::string sha_of(const Command& command) {
  const std::string& name = command.info->name;
  const std::size_t at = name == "script|load" ? 2 : 1;
  if (command.args.size() <= at || command.args[at].empty()) return {};
  if (name == "evalsha" || name == "evalsha_ro") return lowered(command.args[at]);
  if (name == "eval" || name == "eval_ro" || name == "script|load")
    return sha1_hex(command.args[at]);
  return {};
}

std::string script_obstacle(const Command& command, const policy::Grants& grants) {
  const std::string sha = sha_of(command);
  if (sha.empty()) {
    return refused(command,
                   "it runs code whose text is not in the request; use EVALSHA with a script that "
                   "the grant lists under 'scripts'");
  }
  const std::vector<std::string>& safe = grants.safe_scripts();
  if (std::binary_search(safe.begin(), safe.end(), sha)) return {};
  const bool is_sha =
      sha.size() == 40 && sha.find_first_not_of("0123456789abcdef") == std::string::npos;
  return refused(command, "names made inside a script would miss its prefix; ask for " +
                              (is_sha ? "SHA-1 " + sha : std::string("its SHA-1")) +
                              " under 'scripts' of the grant if it uses the names in KEYS only");
}

// Channels of Redis's own events say keyspace or keyevent in plain text; a pattern that is cut
// before that would be taken for an ordinary one and never hear anything. A class that opens in the
// head could swallow the prefix behind it.
bool half_an_event(std::string_view pattern) {
  if (!pattern.starts_with("__key")) return false;
  const policy::KeyspaceChannel event = policy::keyspace_channel(pattern);
  return event.kind == policy::KeyspaceChannel::Kind::none ||
         event.head.find_first_of("[\\") != std::string_view::npos;
}

std::string channel_obstacle(const Command& command) {
  for (const command::ChannelUse& use : command.channels) {
    const std::string_view name = command.args[use.arg];
    if (use.pattern && half_an_event(name)) {
      return refused(command,
                     "write '__keyspace@<db>__:<key>' or '__keyevent@<db>__:<event>', with a "
                     "number, '*' or '?' as <db>");
    }
    if (!use.publish && name.starts_with("__subkey")) {
      return refused(command,
                     "events of the fields of a key are not told there; '__keyspace@<db>__:"
                     "<key>' tells of the key");
    }
    // Everybody hears the same keyevent channels.
    if (use.publish &&
        policy::keyspace_channel(name).kind == policy::KeyspaceChannel::Kind::keyevent) {
      return refused(command, "a keyevent channel is heard by everybody; only Redis speaks there");
    }
  }
  return {};
}

}  // namespace

std::string obstacle(const Command& command, const policy::Grants& grants) {
  if (grants.name_space().empty()) return {};
  if (command.info->exposure == command::Exposure::never) {
    return "NOPERM command '" + command.info->name +
           "' is not available to anyone through this proxy";
  }
  switch (command.info->naming) {
    case command::Naming::plain:
      return channel_obstacle(command);
    case command::Naming::script:
      return script_obstacle(command, grants);
    case command::Naming::common:
      return refused(command, "it tells of, or changes, what all users of this Redis share");
    case command::Naming::unknown:
      break;
  }
  return refused(command, "how it names keys is not known");
}

}  // namespace keyward::view
