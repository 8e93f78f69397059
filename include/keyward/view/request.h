// What a client under a namespace writes, in Redis's names. Pure; no I/O.
#pragma once

#include "keyward/command/command.h"
#include "keyward/policy/grants.h"

#include <string>
#include <string_view>
#include <vector>

namespace keyward::view {

// Owned by a session; reused from request to request, allocates only while its memory grows.
class RequestNames {
 public:
  // Rewrites every name in `command`, as command::analyse left it: keys, channels, the patterns of
  // SCAN, KEYS, PSUBSCRIBE and SORT BY/GET. Afterwards command.args, keys, channels and
  // scan_pattern speak Redis's names, and stay valid until the next call. A SCAN or KEYS without a
  // pattern of the client's gets the namespace's. Empty answer: done. Otherwise the client-visible
  // text ("NOPERM ..."/"ERR ...") why this command cannot be run under a namespace: a script that
  // grants.safe_scripts() does not hold (names built inside Lua would miss the prefix), FCALL, and
  // whatever names keys in a way that this table does not know.
  [[nodiscard]] std::string qualify(command::Command& command, const policy::Grants& grants);

 private:
  std::string names_;  // the rewritten arguments, one after the other
  std::vector<std::string_view> args_;
  std::string pattern_;
};

}  // namespace keyward::view
