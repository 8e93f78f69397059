// ACL LOG as a tripwire: an entry about a leased user means that Redis and the policy disagree, or
// that somebody else uses or edits the user. Pure; the log is only read, never reset.
#pragma once

#include "keyward/base/clock.h"
#include "keyward/upstream/control.h"

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace keyward::lease {

// As many as `acllog-max-len` keeps unless somebody raised it.
inline constexpr const char* kAclLogEntries = "128";

struct AclTrip {
  std::string user;
  std::string reason;   // "command", "key", "channel", "auth"
  std::string context;  // "toplevel", "multi"
  std::string object;   // name of the command, key or channel
  std::uint64_t count = 0;
};

class AclLogWatch {
 public:
  explicit AclLogWatch(std::string prefix) : prefix_(std::move(prefix)) {}

  // What is new about users that begin with the prefix. The first log that is seen is the past.
  // What scripts were refused is left out: their keys are Redis's to judge, and any client can name
  // foreign ones.
  [[nodiscard]] std::vector<AclTrip> observe(const upstream::ControlReply& log, MonoTime now);

 private:
  struct Known {
    AclTrip trip;
    MonoTime newest{};
  };
  // By entry-id (Redis 7.2); before, by what Redis merges within a minute: equal reason, context,
  // object and user.
  using Entries = std::map<std::string, Known>;

  [[nodiscard]] Entries read(const upstream::ControlReply& log, MonoTime now) const;

  std::string prefix_;
  Entries known_;
  bool first_ = true;
};

}  // namespace keyward::lease
