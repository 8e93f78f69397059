// The body of POST /v1/revocations as a value. Pure.
#pragma once

#include "keyward/base/clock.h"
#include "keyward/base/result.h"
#include "keyward/identity/revocation.h"

#include <string>
#include <string_view>
#include <vector>

namespace keyward::admin {

// {"principal"|"token"|"session"|"lease"|"credential": VALUE, "reason": TEXT} and perhaps
// "issued_before", "until" or "for", "by". Errors say what to write instead.
[[nodiscard]] Result<identity::Revocation> read_revocation(std::string_view body,
                                                           std::string_view asked_from,
                                                           const std::vector<std::string>& issuers,
                                                           WallTime now);
// "reason" and "by" of a request that takes something back; both may be absent.
struct WhyLifted {
  std::string reason, by;
};
[[nodiscard]] Result<WhyLifted> read_lift(std::string_view body, std::string_view asked_from);

// RFC 3339, "now", or seconds since 1970. Nothing for anything else.
[[nodiscard]] std::optional<WallTime> read_time(std::string_view text, WallTime now);

}  // namespace keyward::admin
