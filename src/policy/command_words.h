// The command list of an allow entry: words of a Redis ACL, read left to right.
#pragma once

#include "keyward/base/yaml.h"
#include "keyward/command/catalog.h"
#include "keyward/command/command_set.h"

namespace keyward::policy {

// "@read", "-@dangerous", "get", "config|get", each with an optional "+". A category brings in only
// what is Exposure::normal; the name of a container brings in its subcommands that are; anything
// by_name wants its full name. Complaints go to the Diagnostics of the words. `may_be_idle`: a list
// of nothing but what every session has is there for its argument rules.
[[nodiscard]] command::CommandSet read_commands(const yaml::Node& words,
                                                const command::Catalog& catalog,
                                                bool may_be_idle = false);

// Runs whatever its text says: EVAL, EVALSHA, FCALL and their read-only forms.
[[nodiscard]] bool runs_script(const command::CommandInfo& info);
// Tells names of keys, or counts them, whatever key patterns say: KEYS, SCAN, RANDOMKEY, DBSIZE.
[[nodiscard]] bool shows_keyspace(const command::CommandInfo& info);
// Its last STORE may be run while another is checked (redis#15478): GEORADIUS, GEORADIUSBYMEMBER.
[[nodiscard]] bool stores_unchecked(const command::CommandInfo& info);
// Empties or swaps whole databases, whatever key patterns say: FLUSHALL, FLUSHDB, SWAPDB.
[[nodiscard]] bool rewrites_keyspace(const command::CommandInfo& info);

}  // namespace keyward::policy
