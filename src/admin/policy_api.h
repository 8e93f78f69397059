// /v1/policy: which version is in force, reload, explain.
#pragma once

#include "admin/api.h"

namespace keyward::admin {

// Version, commit, when and by what it was loaded, and the last attempt with its diagnostics.
void policy_status(const ApiRequest& request, const Sources& sources,
                   std::function<void(Page)> done);
// The same after the folder was read again: 200 when it is in force, 422 when it was refused.
void policy_reload(const ApiRequest& request, const Sources& sources,
                   std::function<void(Page)> done);
// {"grant"|"as", "argv"} as a line of `keyward policy explain --stdin`, judged by what is in force.
void policy_explain(const ApiRequest& request, const Sources& sources,
                    std::function<void(Page)> done);

}  // namespace keyward::admin
