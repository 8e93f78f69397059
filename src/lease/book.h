// Who holds which ACL user and what has to be done about it in Redis. Pure: no I/O, time is passed
// in.
#pragma once

#include "keyward/base/clock.h"
#include "keyward/base/result.h"
#include "keyward/lease/lease.h"
#include "keyward/policy/grants.h"

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

namespace keyward::lease {

// minting -> active <-> idle -> deleting -> gone. Exactly one ACL command per user is under way at
// any moment: take_work() hands it out, one of made / failed / removed / lost reports its end.
class LeaseBook {
 public:
  using Waiter = std::function<void(Result<LeasePtr>)>;
  using MakeWaiter = std::function<void(Result<>)>;
  using Calls =
      std::vector<std::function<void()>>;   // to be run by the caller once the book is consistent
  using Draft = std::function<LeasePtr()>;  // a lease with a fresh password

  struct Rules {
    std::size_t max_users = 5000;
    std::chrono::milliseconds linger{10'000};
    std::chrono::milliseconds patience{5'000};  // of a waiter
    std::size_t max_literals = 256;
    std::chrono::milliseconds rotate_every{0};  // a new password that often; 0 = never
    std::chrono::milliseconds overlap{30'000};  // the old one holds so long beside it
  };
  enum class State : std::uint8_t { minting, active, idle, deleting };
  enum class Why : std::uint8_t { unused, evicted, failed, shutdown, revoked };  // of a deletion
  // Of a remake, weakest first.
  enum class Cause : std::uint8_t {
    none,
    literal,   // one more pattern
    tidy,      // an old password goes
    rotate,    // a new one comes
    confirm,   // somebody changes users, and nothing says that this one is as it should be
    recreate,  // it was gone
    edited,    // its rules were others
    refused,   // Redis refused a command that the policy allows
    repair,    // Redis refused its password
  };

  struct Entry {
    LeasePtr lease;
    // While a password is replaced: the one that comes, until Redis has it, then the one that goes.
    LeasePtr next, sent_next, previous;
    MonoTime previous_until{}, password_since{};
    std::shared_ptr<const policy::Grants> grants;
    Draft draft;
    State state = State::minting;
    Why why = Why::unused;
    Cause cause = Cause::none;       // wanted remake
    Cause sent_cause = Cause::none;  // the one under way
    bool in_flight = false, queued = false;
    bool sent = false;  // a SETUSER has left: Redis may have the user
    std::size_t holders = 0;
    MonoTime idle_since{};
    std::vector<std::string> literals;
    std::size_t literals_made = 0;  // leading ones that Redis has
    std::size_t literals_sent = 0;  // leading ones in the command under way
    struct Waiting {
      Waiter waiter;
      MonoTime until;
    };
    struct MakeWaiting {
      MakeWaiter waiter;
      MonoTime until;
    };
    std::vector<Waiting> waiting;
    std::vector<MakeWaiting> make_waiting;  // for the next remake
    std::vector<MakeWaiting> make_sent;     // for the one under way
  };

  struct Work {
    enum class Kind : std::uint8_t { mint, remake, remove };
    Kind kind;
    std::string user;
  };

  using Renewed = std::function<void(const LeasePtr&)>;

  explicit LeaseBook(Rules rules) : rules_(rules) {}
  // Called like a waiter, when the password of a lease is another one from now on.
  void tell_renewed(Renewed renewed) { renewed_ = std::move(renewed); }

  // `waiter` is called with the lease, counted as one holder, or with the reason why not.
  Calls acquire(const std::string& user, std::shared_ptr<const policy::Grants> grants, Draft draft,
                Waiter waiter, MonoTime now);
  void release(const std::string& user, MonoTime now);
  Calls repair(const std::string& user, Cause cause, MakeWaiter waiter, MonoTime now);
  // Is to be made again although nobody asked; nothing when it is on its way out.
  void remake(const std::string& user, Cause cause);
  Calls allow_literal(const std::string& user, const std::string& pattern, MakeWaiter waiter,
                      MonoTime now);

  // The next ACL command to send; nothing when all is said.
  std::optional<Work> take_work();
  // The SETUSER of a mint or remake succeeded.
  Calls made(const std::string& user, MonoTime now);
  // It was refused, for good. A mint turns into a deletion.
  Calls failed(const std::string& user, const Error& error);
  // DELUSER was answered.
  void removed(const std::string& user);
  // The connection died before an answer: the command is due again.
  void lost(const std::string& user);

  // Fails waiters that ran out of patience and turns idle users past their linger into deletions.
  Calls expire(MonoTime now);
  // `listed`: the users Redis has. Held ones that are missing are due to be made again; answers the
  // unheld ones that vanished. `strange`: what is listed may be anything, all are made again.
  std::vector<LeasePtr> reconcile(const std::unordered_set<std::string>& listed,
                                  bool strange = false);
  // Users that others have issued on the same Redis: they count against max_users.
  void set_others(std::size_t count) { others_ = count; }
  // Passwords that are old enough are replaced, and those that were replaced forgotten; a few at a
  // time.
  void rotate(MonoTime now);
  // The users of that principal, and that user, become deletions although they are held; those who
  // wait for one get a new one. Empty texts match nothing.
  Calls revoke(std::string_view principal, std::string_view user);
  // Everything becomes a deletion; waiters fail with `error`.
  Calls remove_all(const Error& error);

  [[nodiscard]] const Entry* find(const std::string& user) const;
  // Leases whose passwords the user must have now, the one of holders first.
  [[nodiscard]] static std::vector<LeasePtr> valid(const Entry& entry);
  // Users that exist or will, those being deleted only to be made anew among them.
  [[nodiscard]] std::size_t live() const;
  [[nodiscard]] std::size_t size() const { return entries_.size(); }
  // Whether expire() has anything to look at.
  [[nodiscard]] bool timed() const { return idle_ > 0 || waiters_ > 0; }

 private:
  using Entries = std::unordered_map<std::string, Entry>;
  void set_state(Entry& entry, State state);
  void queue(const std::string& user, Entry& entry);
  void erase(Entries::iterator at);
  bool make_room(Calls& calls);
  void fail_waiting(Entry& entry, const Error& error, Calls& calls);
  void fail_makes(std::vector<Entry::MakeWaiting>& list, const Error& error, Calls& calls);
  void begin_mint(const std::string& user, Entry& entry);
  void begin_removal(const std::string& user, Entry& entry, Why why, Calls& calls);

  Rules rules_;
  Renewed renewed_;
  Entries entries_;
  std::deque<std::string> todo_;
  // Holders of users that were revoked: they give back later what may have been made anew by then.
  // Who gives back first is taken for one of them, which keeps the new one a little longer.
  std::unordered_map<std::string, std::size_t> stale_;
  std::size_t idle_ = 0, waiters_ = 0, others_ = 0;
};

}  // namespace keyward::lease
