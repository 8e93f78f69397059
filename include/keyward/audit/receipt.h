// Proof that every record up to a sequence number is as durable as was asked. Only Journal makes
// one.
#pragma once

#include <cstdint>

namespace keyward::audit {

class Journal;

class Receipt {
 public:
  // True when the record with this ticket is safe. Ticket 0 (nothing was recorded) is always
  // covered.
  [[nodiscard]] bool covers(std::uint64_t ticket) const { return ticket <= durable_; }

 private:
  friend class Journal;
  explicit Receipt(std::uint64_t durable) : durable_(durable) {}
  std::uint64_t durable_;
};

}  // namespace keyward::audit
