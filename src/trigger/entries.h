// Replies of Redis about streams, read strictly. Pure.
#pragma once

#include "keyward/base/result.h"
#include "keyward/trigger/event.h"
#include "keyward/upstream/control.h"

#include <string>
#include <vector>

namespace keyward::trigger {

struct Entry {
  EntryId id;
  bool deleted = false;       // pending, but trimmed or deleted from the stream
  std::vector<Field> fields;  // as they lie in Redis
};

// Of XREADGROUP for one stream; nil = none. Errors: an error reply (its text) or something else.
[[nodiscard]] Result<std::vector<Entry>> read_entries(const upstream::ControlReply& reply);

// Of XAUTOCLAIM: where to go on ("0-0" = at the beginning), what was claimed, and ids that Redis
// dropped because their entries are gone (since 7.0).
struct Claimed {
  std::string next;
  std::vector<Entry> entries;
  std::vector<EntryId> dropped;
};
[[nodiscard]] Result<Claimed> claimed_entries(const upstream::ControlReply& reply);

}  // namespace keyward::trigger
