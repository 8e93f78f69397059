// A short-lived Redis ACL user made for one identity and its rights, or for all identities of equal
// rights (`scope: rights`), or the configured one that every session runs as (`mode: static`).
// Immutable; shared by the connections that run as it.
#pragma once

#include "keyward/base/secret.h"

#include <memory>
#include <string>

namespace keyward::lease {

struct Lease {
  std::string user;  // "kw_<instance 8 hex>_<16 hex>"
  Secret password;   // never logged
  std::string rights_id;
  std::string principal;  // empty: shared by all identities of these rights
  std::string policy_version;
};
using LeasePtr = std::shared_ptr<const Lease>;

}  // namespace keyward::lease
