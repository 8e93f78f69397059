// What a client queued between MULTI and EXEC: judged one by one, kept as bytes, sent as one block.
// No I/O.
#pragma once

#include "proxy/draft.h"

#include "keyward/policy/ttl_guard.h"
#include "keyward/trigger/leavings.h"
#include "keyward/view/reply.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace keyward::proxy {

// Rule: MULTI alone pins nothing upstream. A refusal dooms the transaction; EXEC then answers
// EXECABORT without going there.
class Transaction {
 public:
  Transaction(Drafts& drafts, std::uint64_t id, std::size_t limit)
      : drafts_(drafts), id_(id), limit_(limit) {}
  ~Transaction() { drafts_.release(first_); }
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;

  // False: over the limit; the caller refuses and dooms. `draft` may be null (nothing to record);
  // taken over when queued. `member`: how its answer has to be looked at.
  [[nodiscard]] bool queue(std::span<const std::string_view> args, Draft* draft,
                           const view::Member& member = {});
  void doom() { doomed_ = true; }
  // Dooms it for a reason that EXEC tells, with the record of it.
  void doom(std::string why, std::uint64_t ticket) {
    doomed_ = true;
    why_ = std::move(why);
    ticket_ = ticket;
  }
  [[nodiscard]] const std::string& why() const { return why_; }
  [[nodiscard]] std::uint64_t ticket() const { return ticket_; }
  // Dooms it and forgets what was queued.
  void abandon();
  [[nodiscard]] bool doomed() const { return doomed_; }
  [[nodiscard]] std::size_t size() const { return count_; }
  [[nodiscard]] std::uint64_t id() const { return id_; }
  [[nodiscard]] std::size_t room() const {
    const std::size_t held = bytes_.size() + left_bytes_;
    return held < limit_ ? limit_ - held : 0;
  }

  // What its commands leave without an expiry; null until one of them is under a guard.
  [[nodiscard]] policy::TtlLedger* expiries() { return expiries_.get(); }
  policy::TtlLedger& make_expiries() {
    if (expiries_ == nullptr) expiries_ = std::make_unique<policy::TtlLedger>();
    return *expiries_;
  }
  void forget_expiries() { expiries_.reset(); }
  // What its commands leave for triggers, in their order; counts against the limit.
  void leave(const std::vector<trigger::Leaving>& more);
  [[nodiscard]] const std::vector<trigger::Leaving>& leavings() const { return leavings_; }
  void forget_leavings() { leavings_.clear(); }
  // Behind the client's commands, answered to nobody.
  void add_own(std::span<const std::string_view> args);
  [[nodiscard]] std::size_t added() const { return added_; }
  // The draft of a member; null when it has none.
  [[nodiscard]] Draft* draft_of(std::uint32_t member);

  // Appends MULTI, the commands and EXEC; the first `leading()` replies to it are nobody's.
  void write_block(std::string& out) const;
  [[nodiscard]] std::uint32_t leading() const {
    return static_cast<std::uint32_t>(count_ + added_) + 1;
  }
  // One draft a command, in order, for the record; null when nothing in it is to be recorded.
  [[nodiscard]] Draft* take_drafts();
  // One a command, in order; empty when none of the answers has to be looked at.
  [[nodiscard]] std::vector<view::Member> take_members();

 private:
  Drafts& drafts_;
  std::uint64_t id_;
  std::size_t limit_;
  std::string bytes_;
  std::size_t count_ = 0;
  std::vector<view::Member> members_;  // as far as the last that is not as_is
  Draft* first_ = nullptr;
  Draft* last_ = nullptr;
  bool doomed_ = false;
  std::string why_;
  std::uint64_t ticket_ = 0;
  std::size_t added_ = 0;
  std::unique_ptr<policy::TtlLedger> expiries_;
  std::vector<trigger::Leaving> leavings_;
  std::size_t left_bytes_ = 0;  // of all that were ever in it
};

}  // namespace keyward::proxy
