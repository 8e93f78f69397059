// /v1/credentials: a token in, a short-lived user and password out.
#pragma once

#include "admin/api.h"

#include <optional>
#include <string_view>

namespace keyward::admin {

[[nodiscard]] bool is_credentials(std::string_view path);
// POST /v1/credentials, POST /v1/credentials/renew: whoever has a token that logs in; the rule of
// the rest of /v1/ is about operators and does not count here.
// DELETE /v1/credentials/USER: the identity that it was given to, by its token, or an operator.
// GET /v1/credentials: operators. `not_operator`: why this one is none; empty = it is one.
void credentials(const ApiRequest& request, const Sources& sources,
                 std::optional<Page> not_operator, std::function<void(Page)> done);

}  // namespace keyward::admin
