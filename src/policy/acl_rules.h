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

// What the proxy itself sends beside commands that cause an event: on the keys of their rules.
void add_causes(const std::vector<Cause>& causes, const command::Catalog& catalog, AclRules& rules);

// A selector is one argument that Redis splits like a command line (acl.c
// aclCreateSelectorFromOpSet, sdssplitargs): a pattern with quotes, or with a byte that the
// splitting would eat, goes in quotes.
[[nodiscard]] std::string acl_word(const std::string& word);

// A few commands per entry that the user must and must not be allowed, in the words of ACL DRYRUN.
[[nodiscard]] std::vector<AclRules::Probe> make_probes(const Grants& grants,
                                                       const command::Catalog& catalog);

}  // namespace keyward::policy
