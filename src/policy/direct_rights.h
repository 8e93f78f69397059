// The rights of a direct credential: a Redis user that nobody's proxy stands before.
#pragma once

#include "policy/assembly.h"

namespace keyward::policy {

// Takes out what only the proxy holds to the grants: names of everybody's keys and channels in
// answers, argument rules, keyspace events, commands that Redis checks for one key and runs on
// another. A note says what went.
void keep_what_redis_holds(Parts& parts, const command::Catalog& catalog);

// What clients say when they connect, and the proxy answers by itself: names for the connection.
void add_greetings(const command::Catalog& catalog, AclRules& rules);

}  // namespace keyward::policy
