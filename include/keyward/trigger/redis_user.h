// The Redis user that the engine works as: it reaches the streams of the rules and nothing else.
#pragma once

#include "keyward/base/secret.h"
#include "keyward/trigger/rule.h"

#include <string>
#include <string_view>
#include <vector>

namespace keyward::trigger {

// "kwt_<instance>".
[[nodiscard]] std::string redis_user(std::string_view instance);
// ACL SETUSER with its name, whole: what it could do before is gone. `selectors`: Redis 7.0 and
// later hold each stream to its own commands; before, commands and streams stand side by side.
[[nodiscard]] std::vector<std::string> make_redis_user(std::string_view instance,
                                                       const Secret& password,
                                                       const std::vector<Rule>& rules,
                                                       bool selectors);

}  // namespace keyward::trigger
