// Compiles Grants to the rules of a Redis ACL user that allows what they allow, for the catalog's
// server version.
#pragma once

#include "keyward/command/catalog.h"
#include "keyward/policy/grants.h"

namespace keyward::policy {

// Tokens and notes; the probes are make_probes'.
[[nodiscard]] AclRules compile_acl(const std::vector<Entry>& entries,
                                   const std::vector<std::uint32_t>& databases,
                                   const command::Catalog& catalog,
                                   std::string_view name_space = {});

// A few commands per entry that the user must and must not be allowed, in the words of ACL DRYRUN.
[[nodiscard]] std::vector<AclRules::Probe> make_probes(const Grants& grants,
                                                       const command::Catalog& catalog);

}  // namespace keyward::policy
