// What LeaseService is made of. Each file beside this one holds one chapter of a user's life:
// making, remaking, removing, reconciling, the tripwire, the static user.
#pragma once

#include "lease/acl_facts.h"
#include "lease/acl_log.h"
#include "lease/acl_user.h"
#include "lease/book.h"
#include "lease/claim.h"
#include "lease/seen_rules.h"

#include "keyward/lease/lease_service.h"
#include "keyward/lease/self_test.h"

#include <boost/asio/steady_timer.hpp>

#include <unordered_set>

namespace keyward::lease {

// Handlers hold the state alive; `gone` says that the service is not: journal and control must not
// be touched then.
struct LeaseService::State : std::enable_shared_from_this<LeaseService::State> {
  using ControlReply = upstream::ControlReply;
  using milliseconds = std::chrono::milliseconds;

  State(boost::asio::io_context& context, upstream::Control& connection, LeaseConfig settings,
        audit::Journal& trail, const Clock& now, fleet::Store* records);

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
  void note_drift(const std::string& user);

  // removing.cc
  void remove(const std::string& user);
  void deleted(const std::string& user, const Result<ControlReply>& reply);
  void maybe_stopped();
  void stopped();

  // reconciling.cc
  struct Listed {
    std::size_t appeared = 0, vanished = 0;  // users that others have issued, since the last list
  };
  Result<Listed> reconcile(const ControlReply& users, bool strange);
  void sweep(const std::unordered_set<std::string>& listed);
  void sweep_one(const std::string& user, const char* reason);

  // fellows.cc
  void claim_name_first(std::function<void(Result<>)> then);
  void meet_fellows();
  void ask_fellows();
  void bury(const std::string& hash);
  void sweep_strays(const std::unordered_set<std::string>& own);

  // watching.cc
  void look_first(const std::function<void(Result<>)>& done);
  void look();
  void looked(const Result<ControlReply>& reply, const AclCalls& own);
  void list_users(const AclWatch::News& news, std::function<void(Result<>)> done);
  void judge(const AclWatch::News& news, const Listed& seen);
  void look_again_later();
  void tell_moved(const AclWatch::News& news);
  [[nodiscard]] AclCalls own_calls() const;

  // comparing.cc
  void ask_rules(const std::string& user, bool sure, std::function<void()> done);
  void compare_known();
  void compare_some();
  void learn_some();
  void differs(const std::string& user, SeenRules::Verdict verdict);

  // tripwire.cc
  void look_at_log();
  void seen(const ControlReply& log);
  void tripped(const AclTrip& trip);
  void look_later();

  // static_lease.cc
  [[nodiscard]] bool is_static(const std::string& user) const;
  void give_static(const policy::Grants& grants, Done done);
  void repair_static(const std::function<void(Result<>)>& done);

  boost::asio::io_context& io;
  upstream::Control& control;
  LeaseConfig config;
  std::string prefix;
  audit::Journal& journal;
  const Clock& clock;
  LeaseBook book;
  AclLogWatch log_watch;
  AclWatch acl_watch;
  SeenRules rules;
  Hooks hooks;
  fleet::Store* store;  // null: this instance knows of no other
  std::shared_ptr<Claim> claim;
  Fellows fellows;
  std::unordered_map<std::string, MonoTime> strays;  // since when they are seen
  std::uint64_t beats = 0;
  bool told_unclaimed = false, releasing = false;
  boost::asio::steady_timer timer, log_timer, look_timer, compare_timer, fellow_timer, stop_timer;
  Counters counters;
  std::function<void()> on_stopped;
  bool reconciled = false, swept = false, armed = false, gone = false, stopping = false;
  bool told_untested = false, told_blind = false, looking = false;
  bool under_look = false, look_once_more = false;  // INFO is on its way
  bool uncounted = false;  // Redis does not count what changes users: ask for the list each time
  std::unordered_set<std::string> others;  // what other instances issued, by the last list
  std::vector<std::string> to_compare, to_sample;
  bool comparing = false, told_uncompared = false;
  MonoTime sampled{};
  std::unordered_map<std::string, MonoTime> drifted;  // when a user was mended last
  LeasePtr static_lease;                              // as it was handed out last
  MonoTime static_since = MonoTime::min();            // its password was found to be another
};

}  // namespace keyward::lease
