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
  // Rewrites every name in `command`, as command::analyse or analyse_head left it: keys, channels,
  // the patterns of SCAN, KEYS, PSUBSCRIBE and SORT BY/GET. Afterwards command.args, keys,
  // channels, names and scan_pattern speak Redis's names, and stay valid until the next call. A
  // SCAN without a pattern of the client's gets the namespace's. Once per analysis: names are not
  // looked at, only lengthened. Arguments that are streamed (empty views, or beyond the head) are
  // values and stay. Without a namespace nothing is done. Empty answer: done. Otherwise the
  // client-visible text
  // ("NOPERM ...") why this command cannot be run under a namespace: a script that
  // grants.safe_scripts() does not hold (names built inside Lua would miss the prefix), FCALL, what
  // tells of everybody's keys at once, and whatever names keys in a way that nobody has looked at.
  [[nodiscard]] std::string qualify(command::Command& command, const policy::Grants& grants);

 private:
  void rewrite(command::Command& command, std::string_view prefix);
  [[nodiscard]] std::string_view put(std::string_view name, bool channel, std::string_view prefix);

  std::string names_;  // the rewritten arguments, one after the other
  std::vector<std::string_view> args_;
};

// Why `command`, in the client's names, cannot be run under the namespace of `grants`; empty when
// it can. Part of qualify().
[[nodiscard]] std::string obstacle(const command::Command& command, const policy::Grants& grants);

}  // namespace keyward::view
