#include "policy/builtin.h"

#include <algorithm>

namespace keyward::policy {

const RuleRef& session_rule() {
  static const RuleRef rule{"session", "built-in", 0};
  return rule;
}

bool is_session_plumbing(const command::Command& command, std::string_view name_space) {
  using command::Kind;
  const command::CommandInfo& info = *command.info;
  if (info.exposure == command::Exposure::session)
    return command.keys.empty() && command.channels.empty();
  const bool preamble = info.kind == Kind::subscribe || info.kind == Kind::unsubscribe;
  return preamble && command.args.size() > 1 &&
         std::all_of(command.args.begin() + 1, command.args.end(), [&](std::string_view channel) {
           return channel.starts_with(name_space) &&
                  channel.substr(name_space.size()) == kPreambleChannel;
         });
}

}  // namespace keyward::policy
