// Makes, repairs and deletes the ACL users. Lives on the control thread; every function and
// callback runs there. (Shards go through lease::LeaseClient, which posts here and back.)
#pragma once

#include "keyward/audit/journal.h"
#include "keyward/base/clock.h"
#include "keyward/base/result.h"
#include "keyward/fleet/store.h"
#include "keyward/lease/lease.h"
#include "keyward/policy/grants.h"
#include "keyward/upstream/control.h"

#include <boost/asio/io_context.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace keyward::lease {

struct LeaseConfig {
  std::string instance;  // user names carry its hash; leftovers of this instance are swept at start
  std::chrono::milliseconds linger{10'000};  // a user nobody holds is deleted after this long
  // On the Redis server, those of other instances among them: beyond it the idle ones of this
  // instance go, the one that was idle longest first, then logins are refused.
  std::size_t max_users = 5000;
  std::chrono::milliseconds acl_log_every{5'000};  // how often ACL LOG is read; 0 = never
  // How often Redis is asked whether it is still the same process and somebody changed users.
  std::chrono::milliseconds look_every{500};
  // This instance says that often that it lives (four times in it, to be heard once); after two of
  // them without a word the others delete its users.
  std::chrono::milliseconds period{10'000};
  std::chrono::milliseconds rotate_every{std::chrono::hours(24)};  // passwords; 0 = never
  std::chrono::milliseconds overlap{30'000};  // a password that was replaced holds that long
  // `mode: static`: never made, changed or deleted here. Empty = there is none. The password is
  // read anew for each lease.
  std::string static_user = {};
  std::function<Result<Secret>()> static_password = {};
};

// Who a lease of these grants belongs to: the principal, or everybody of equal rights (empty).
[[nodiscard]] std::string_view lease_owner(std::string_view principal,
                                           const policy::Grants& grants);

// What Redis said of a user that should have been fine.
enum class Refusal : std::uint8_t {
  login,    // WRONGPASS
  command,  // NOPERM for what the policy allows
};

// State of one lease: minting -> active -> idle (lingering) -> deleted. The bookkeeping is
// LeaseBook (src/lease/book.h), pure.
class LeaseService {
 public:
  using Done = std::function<void(Result<LeasePtr>)>;

  // `journal` records creation and deletion (control stream). `store`: where instances of a fleet
  // claim their names; null = this instance knows of no other.
  LeaseService(boost::asio::io_context& io, upstream::Control& control, LeaseConfig config,
               audit::Journal& journal, const Clock& clock, fleet::Store* store = nullptr);
  ~LeaseService();

  // Same owner and rights: same lease, counted once per call. Waits while the control
  // connection is down, at most 5 s, then fails with Errc::unavailable. One atomic `ACL SETUSER
  // name reset on #hash ...`, then ACL DRYRUN of the probes (Redis >= 7); a probe that disagrees
  // deletes the user and fails with Errc::internal. For `mode: static` the configured user, which
  // Redis is not asked about.
  void acquire(const std::string& principal, std::shared_ptr<const policy::Grants> grants,
               Done done);
  // Gives back one acquire.
  void release(const std::string& user);
  // Lets the user PSUBSCRIBE exactly this pattern (already permitted by policy); remembered for
  // repairs, at most 256 per lease. Errc::invalid: no ACL rule can hold the pattern (white space).
  void allow_literal_channel(const std::string& user, const std::string& pattern,
                             std::function<void(Result<>)> done);
  // Redis refused this user: make it again (drift, or Redis restarted). Single flight; `done` when
  // it exists again. The static user: its password is read anew. For a refused command at most once
  // a second; what is refused all the same then is not for this to mend.
  void repair(const std::string& user, Refusal refusal, std::function<void(Result<>)> done);
  // The control connection came up: claim the instance's name (Errc::invalid: another live process
  // has it, and nothing was touched), sweep leftovers (first time), re-create every held user that
  // ACL USERS does not list; all of them when Redis is another process than before.
  void on_control_up(std::function<void(Result<>)> done);
  // Deletes the users of that principal, and that user, although sessions hold them: Redis cuts
  // what still runs as them. Users that several principals share and the static one stay. Who logs
  // in later gets a new one. Clients are told first: LeaseClient::forget().
  void revoke(std::string_view principal, std::string_view user);
  // Why this instance should not run: another process uses its name. Empty = none does.
  [[nodiscard]] std::string rival() const;
  // Asks Redis now whether users are as they should be; otherwise that is done every `look_every`.
  void look();

  struct Hooks {
    // A lease has another password from now on.
    std::function<void(const LeasePtr&)> renewed;
    // The address leads to another Redis, or to one that follows another now: connections that are
    // there lead to the wrong one. `reason` for people.
    std::function<void(const char* reason)> moved;
  };
  void set_hooks(Hooks hooks);
  // Deletes every user: called at shutdown; `done` when Redis confirmed or after `deadline`.
  void delete_all(std::chrono::milliseconds deadline, std::function<void()> done);

  struct Counters {
    std::uint64_t created = 0, deleted = 0, swept = 0, repaired = 0, failed = 0;
    std::uint64_t acl_drift = 0;    // refusals of leased users that ACL LOG told of
    std::uint64_t edited = 0;       // users that somebody else had changed: by the look, or by NOPERM
    std::uint64_t drift_again = 0;  // drift of a user that was mended less than a minute ago
    std::uint64_t rotated = 0;      // passwords replaced
    std::uint64_t moves = 0;        // Redis was another process, or lost its role
    std::uint64_t reloads = 0;      // ACL LOAD by somebody
    std::size_t live = 0;
    std::size_t others = 0;  // users on the server that other instances issued
  };
  [[nodiscard]] Counters counters() const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace keyward::lease
