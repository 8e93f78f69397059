// Where answers from Redis are delivered: implemented by whoever asked (proxy sessions,
// handshakes).
#pragma once

#include "keyward/resp/reply_scanner.h"

#include <cstdint>
#include <string_view>
#include <vector>

namespace keyward::upstream {

struct Awaiting;

// One piece of one reply. `head` is the reply's first line.
struct ReplyPart {
  const resp::FrameHead& head;
  std::string_view bytes;
  bool first = false;  // nothing of this reply was delivered before
  bool last = false;   // the reply is complete
  // Direct children of an array reply, when asked for (Awaiting::keep_children); complete when
  // `last`.
  const std::vector<resp::FrameHead>* children = nullptr;
};

class ReplySink {
 public:
  virtual ~ReplySink() = default;
  // May not destroy the link it is called from.
  virtual void on_reply(const Awaiting& awaiting, const ReplyPart& part) = 0;
  // An error among the replies that Awaiting::discard drops, as it came: why a block that ends in
  // the awaited request will be refused.
  virtual void on_discarded_error(const Awaiting& /*awaiting*/, std::string_view /*error*/) {}
  // The link ended before the reply was complete. `executed` = false: its last byte never left, so
  // Redis cannot have run it.
  virtual void on_lost(const Awaiting& awaiting, bool maybe_executed) = 0;
};

// For replies that nobody reads and that come before the awaited request is complete.
ReplySink& nobody();

// One request on its way. `discard` counts leading replies that nobody reads (MULTI's +OK and the
// +QUEUEDs).
struct Awaiting {
  ReplySink* sink = nullptr;
  std::uint64_t place = 0;  // the sink's own number for it
  void* tag = nullptr;      // the sink's own note about it; not owned here
  std::uint32_t discard = 0;
  bool keep_children = false;
  std::uint8_t shape = 0;  // the sink's own: how it must look at the answer (view::Shape)
  std::uint64_t end_offset =
      0;  // position in the link's byte stream behind the request; set by Pipeline
};

}  // namespace keyward::upstream
