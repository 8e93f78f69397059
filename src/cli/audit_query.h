// The options by which verbs of the audit trail choose records.
#pragma once

#include "keyward/base/clock.h"
#include "keyward/base/result.h"
#include "keyward/trail/query.h"

#include <CLI/App.hpp>

#include <string>
#include <vector>

namespace keyward::cli {

struct QueryOptions {
  std::vector<std::string> keys, key_prefixes, principals, users, commands, outcomes, kinds;
  std::vector<std::string> sessions, grants, channels, sources, dbs;
  std::string hmac_key;  // a file
  std::string from, to;

  void add_to(CLI::App& verb, bool times);
  // Errors: a time, an outcome or a database that is none; a secret of names that cannot be read.
  [[nodiscard]] Result<trail::Query> query(WallTime now) const;
  [[nodiscard]] bool any() const;  // besides the times
};

}  // namespace keyward::cli
