// A shard's way to the LeaseService: posts to the control thread and back, and answers repeated
// logins without the trip.
#pragma once

#include "keyward/base/result.h"
#include "keyward/lease/lease.h"
#include "keyward/lease/lease_service.h"
#include "keyward/policy/grants.h"

#include <boost/asio/io_context.hpp>

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace keyward::lease {

// Owned by one shard; every function and callback runs on that shard's thread. One acquire of the
// service stands for all holders of a lease on this shard; it is given back one second after the
// last of them left. `shard_io`, `control_io` and `service` must outlive the threads that run
// either context.
class LeaseClient {
 public:
  using Done = std::function<void(Result<LeasePtr>)>;

  LeaseClient(boost::asio::io_context& shard_io, boost::asio::io_context& control_io,
              LeaseService& service, std::chrono::milliseconds linger = std::chrono::seconds(1));
  ~LeaseClient();  // calls nothing back any more; does not give back: see close()
  LeaseClient(const LeaseClient&) = delete;
  LeaseClient& operator=(const LeaseClient&) = delete;

  // Calls `done` exactly once, from inside acquire() when the shard already holds the lease.
  // Whoever got a lease must release() it, also when its owner went away while waiting.
  void acquire(const std::string& principal, std::shared_ptr<const policy::Grants> grants,
               Done done);
  // The lease when the shard already holds it, else null: the way of most logins, without a
  // function object.
  [[nodiscard]] LeasePtr acquire_held(const std::string& principal, const policy::Grants& grants);
  void release(const std::string& user);
  // As the functions of LeaseService. A pattern that this shard has added before is answered from
  // inside the call.
  void allow_literal_channel(const std::string& user, const std::string& pattern,
                             std::function<void(Result<>)> done);
  // Those leases end, see LeaseService::revoke(): whoever holds one keeps it until it is released,
  // whoever asks next gets another. Empty texts match nothing.
  void forget(std::string_view principal, std::string_view user);
  void repair(const std::string& user, Refusal refusal, std::function<void(Result<>)> done);
  // The password that new connections of a held user log in with; null when nobody holds it.
  [[nodiscard]] const Secret* password(const std::string& user) const;
  // The lease has another password from now on.
  void renewed(const LeasePtr& lease);
  // Redis ended a connection of a leased user: the service looks at once what became of the users.
  void look();
  // Gives back everything that is held or lingers; what is under way is given back when it arrives.
  void close();

  [[nodiscard]] std::size_t held() const;  // leases with at least one holder

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace keyward::lease
