// What every logged-in session may do without a grant, and the words of it on its ACL user.
#pragma once

#include "keyward/command/command.h"
#include "keyward/policy/decision.h"

#include <span>
#include <string_view>

namespace keyward::policy {

// StackExchange.Redis subscribes to it right after login and gives up when it may not; nothing is
// told there.
inline constexpr std::string_view kPreambleChannel = "__Booksleeve_MasterChanged";

// Stands for all of it in decisions.
[[nodiscard]] const RuleRef& session_rule();

// Keyless commands of Exposure::session, and (un)subscribing to the preamble channel below the
// namespace.
[[nodiscard]] bool is_session_plumbing(const command::Command& command,
                                       std::string_view name_space = {});

}  // namespace keyward::policy
