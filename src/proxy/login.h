// Who a session is, with which rights, as which Redis user. Replaced as a whole, only while none of
// its commands is on its way.
#pragma once

#include "keyward/audit/event.h"
#include "keyward/base/clock.h"
#include "keyward/identity/principal.h"
#include "keyward/lease/lease_client.h"
#include "keyward/policy/grants.h"

#include <memory>
#include <optional>
#include <utility>

namespace keyward::proxy {

// One acquire of a lease, given back when it goes.
class LeaseHold {
 public:
  LeaseHold(lease::LeaseClient& client, lease::LeasePtr lease)
      : client_(&client), lease_(std::move(lease)) {}
  LeaseHold(const LeaseHold&) = delete;
  LeaseHold& operator=(const LeaseHold&) = delete;
  ~LeaseHold() { client_->release(lease_->user); }
  [[nodiscard]] const lease::Lease& operator*() const { return *lease_; }
  [[nodiscard]] const lease::Lease* operator->() const { return lease_.get(); }

 private:
  lease::LeaseClient* client_;
  lease::LeasePtr lease_;
};

struct Login {
  std::shared_ptr<const identity::Principal> principal;
  std::shared_ptr<const policy::Grants> grants;
  std::uint64_t policy_number = 0;  // the publication these grants are of
  // Empty once a new version took the rights away: got anew before the next command.
  std::optional<LeaseHold> lease;
  WallTime since{};
  WallTime ends{};
};

}  // namespace keyward::proxy
