// /v1/revocations and /v1/sessions.
#pragma once

#include "admin/api.h"

namespace keyward::admin {

// What is revoked; also what was taken back, until it would have been forgotten.
void revocations_list(const ApiRequest& request, const Sources& sources,
                      std::function<void(Page)> done);
// 201, with the number of sessions that ended here.
void revocations_add(const ApiRequest& request, const Sources& sources,
                     std::function<void(Page)> done);
// DELETE /v1/revocations/{id}: taken back, for all instances.
void revocations_lift(const ApiRequest& request, const Sources& sources,
                      std::function<void(Page)> done);
// Live sessions of this instance; ?principal=ID for those of one identity.
void sessions_list(const ApiRequest& request, const Sources& sources,
                   std::function<void(Page)> done);
// DELETE /v1/sessions/{id}: a revocation of that session, wherever it is.
void sessions_end(const ApiRequest& request, const Sources& sources,
                  std::function<void(Page)> done);

}  // namespace keyward::admin
