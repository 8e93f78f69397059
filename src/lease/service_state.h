// What LeaseService is made of. Each file beside this one holds one chapter of a user's life:
// making, remaking, removing, reconciling, the tripwire, the static user.
#pragma once

#include "lease/acl_log.h"
#include "lease/acl_user.h"
#include "lease/book.h"

#include "keyward/lease/lease_service.h"
#include "keyward/lease/self_test.h"

#include <boost/asio/steady_timer.hpp>

#include <unordered_set>

namespace keyward::lease {

// Handlers hold the state alive; `gone` says that the service is not: journal and control must not
// be touched then.
struct LeaseService::State : std::enable_shared_from_this<LeaseService::State> {
  using ControlReply = upstream::ControlReply;

  State(boost::asio::io_context& context, upstream::Control& connection, LeaseConfig settings,
        audit::Journal& trail, const Clock& now);

  // Callers are never called back from inside their own call.
  void post(LeaseBook::Calls calls);
  // Sends what the book wants to be sent, if Redis is there and the leftovers of an earlier run are
  // gone.
  void pump();
  // One timer for everything that waits; none while nothing waits.
  void arm();
  void record(audit::Kind kind, const Lease& lease, audit::Outcome outcome, std::string_view reason,
              std::string_view detail);

  // making.cc
  void mint(const std::string& user);
  void minted(const std::string& user, const Result<ControlReply>& reply, SelfTest test,
              const std::string& detail);
  void refused(const std::string& user, const std::string& why);

  // remaking.cc
  void remake(const std::string& user);
  void remade(const std::string& user, LeaseBook::Cause cause, const Result<ControlReply>& reply);

  // removing.cc
  void remove(const std::string& user);
  void deleted(const std::string& user, const Result<ControlReply>& reply);
  void stopped();

  // reconciling.cc
  void reconcile(const ControlReply& users, const std::function<void(Result<>)>& done);
  void sweep(const std::unordered_set<std::string>& listed);

  // tripwire.cc
  void look_at_log();
  void seen(const ControlReply& log);
  void tripped(const AclTrip& trip);
  void look_later();

  // static_lease.cc
  [[nodiscard]] bool is_static(const std::string& user) const;
  void give_static(const policy::Grants& grants, Done done);

  boost::asio::io_context& io;
  upstream::Control& control;
  LeaseConfig config;
  std::string prefix;
  audit::Journal& journal;
  const Clock& clock;
  LeaseBook book;
  AclLogWatch log_watch;
  boost::asio::steady_timer timer, log_timer, stop_timer;
  Counters counters;
  std::function<void()> on_stopped;
  bool reconciled = false, swept = false, armed = false, gone = false, stopping = false;
  bool told_untested = false, told_blind = false, looking = false;
};

}  // namespace keyward::lease
