#include "keyward/server/static_user.h"

#include <algorithm>

namespace keyward::server {

namespace {

const policy::GrantInfo* first_static(const policy::Snapshot& policy) {
  const auto& grants = policy.grants();
  const auto found = std::find_if(grants.begin(), grants.end(), [](const policy::GrantInfo& grant) {
    return grant.static_lease;
  });
  return found == grants.end() ? nullptr : &*found;
}

}  // namespace

bool has_static_user(const policy::Snapshot& policy, std::string_view static_user,
                     Diagnostics& diagnostics) {
  const policy::GrantInfo* grant = first_static(policy);
  if (grant == nullptr || !static_user.empty()) return true;
  diagnostics.error(grant->file, grant->line, 0,
                    "grant '" + grant->name +
                        "' has `lease: {mode: static}`, and keyward.yaml names no user for it",
                    "upstream: {static_user: NAME, static_password_file: PATH}");
  return false;
}

std::string static_user_note(const policy::Snapshot& policy, std::string_view static_user) {
  if (first_static(policy) == nullptr) return {};
  return "grants with `lease: {mode: static}` run as Redis user '" + std::string(static_user) +
         "': the proxy alone holds them to their rights, Redis is no second fence beyond what that "
         "user may do";
}

}  // namespace keyward::server
