// The words of one leased ACL user: its name, and the SETUSER that makes it. Pure.
#pragma once

#include "keyward/base/result.h"
#include "keyward/lease/lease.h"
#include "keyward/policy/grants.h"

#include <string>
#include <string_view>
#include <vector>

namespace keyward::lease {

// "kw_<8 hex of the instance>_": users of other instances never begin like this.
[[nodiscard]] std::string user_prefix(std::string_view instance);
// The same principal with the same rights under the same policy version: the same name, also after
// a restart.
[[nodiscard]] std::string user_name(const std::string& prefix, std::string_view principal,
                                    const policy::Grants& grants);
// 32 random bytes as hex: no character of it needs quoting anywhere.
[[nodiscard]] Secret new_password();
// One atomic ACL SETUSER that leaves nothing of an older user of that name behind. The user has the
// passwords of all `leases`, at least one.
[[nodiscard]] std::vector<std::string> setuser(const std::vector<LeasePtr>& leases,
                                               const policy::AclRules& rules,
                                               const std::vector<std::string>& literals);
// As ACL GETUSER shows a password.
[[nodiscard]] std::string password_hash(const Lease& lease);
// A pattern that can stand in a rule: Redis refuses white space and NUL there (acl.c
// ACLStringHasSpaces), and with the one rule the whole SETUSER.
[[nodiscard]] Result<> check_literal(std::string_view pattern);

}  // namespace keyward::lease
