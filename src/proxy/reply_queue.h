// The answers of one client in the order of its requests, released only when the audit trail covers
// them. No I/O.
#pragma once

#include "keyward/audit/receipt.h"
#include "keyward/base/buffer.h"
#include "keyward/base/ring.h"

#include <cstdint>
#include <string>
#include <string_view>

namespace keyward::proxy {

using Place = std::uint64_t;
// What is added there is nobody's.
inline constexpr Place kNoPlace = 0;

// A request takes a place when it is read; its answer may come whenever it likes. The answer in the
// first place may stream, those behind it wait. A ticket is the journal's number of the record that
// must be durable before the bytes may leave.
class ReplyQueue {
 public:
  [[nodiscard]] Place reserve();
  // More bytes of the answer in `place`. `hold`: keep them until finish(), even in first place.
  void add(Place place, std::string_view bytes, std::uint64_t ticket = 0, bool hold = false);
  // The answer in `place` is complete.
  void finish(Place place, std::uint64_t ticket = 0);
  // reserve + add + finish in one: an answer of our own.
  void answer(std::string_view bytes, std::uint64_t ticket = 0);
  // Bytes that belong to no request (push messages): leave before the answers that are not
  // complete. Only between answers. `last` = the message is whole; answers wait until it is.
  void interject(std::string_view bytes, bool last);

  // What may leave now; empty when nothing may. Stays valid until the next non-const call.
  [[nodiscard]] std::string_view takeable(const audit::Receipt& receipt) const;
  void taken(std::size_t count);

  [[nodiscard]] bool idle() const { return items_.empty(); }  // every request was answered in full
  [[nodiscard]] std::size_t open() const {
    return items_.size();
  }  // requests without a complete answer
  [[nodiscard]] std::size_t bytes() const { return ready_.size() + waiting_bytes_; }
  [[nodiscard]] bool ready() const { return !ready_.empty(); }  // whatever it waits for
  [[nodiscard]] bool drained() const { return items_.empty() && ready_.empty(); }
  void drop_all();

 private:
  struct Item {
    std::string waiting;
    std::uint64_t ticket = 0;
    bool done = false;
    bool hold = false;
    [[nodiscard]] bool begun() const { return done || ticket != 0 || !waiting.empty(); }
  };
  void release_head();
  void drop_head();
  Ring<Item> items_;
  Place first_ = 1;
  Buffer ready_;                    // bytes in first place, in order
  std::uint64_t ready_ticket_ = 0;  // the newest ticket among them
  std::size_t waiting_bytes_ = 0;
  bool mid_message_ = false;
};

}  // namespace keyward::proxy
