// Whether what a rule would start is there, and the credentials of its connection are good for it.
#pragma once

#include "keyward/base/result.h"
#include "keyward/trigger/rule.h"
#include "keyward/trigger/target.h"

#include <optional>

namespace keyward::trigger {

// Asks the target, with the connection's credentials, for what the rule would start; starts nothing.
// Any thread; blocks for the rule's timeout at most. Of a kind that cannot be asked (http): nothing.
// Errors: away, the credential is not taken, no such thing; one sentence without secrets.
[[nodiscard]] std::optional<Result<>> try_target(const Rule& rule, const Connection& connection);

}  // namespace keyward::trigger
