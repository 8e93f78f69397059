// Calls of the admin API as the audit trail hears of them: each that changes something, or tells of
// credentials, sessions or revocations. No I/O.
#pragma once

#include "admin/api.h"

#include <functional>

namespace keyward::admin {

// `done`, preceded by the record of the call; `by_operator`: the rule of /v1/ lets the caller in. What tells
// of others is not told when the trail cannot be written.
[[nodiscard]] std::function<void(Page)> recorded(const ApiRequest& request, const Sources& sources,
                                                 bool by_operator,
                                                 std::function<void(Page)> done);

}  // namespace keyward::admin
