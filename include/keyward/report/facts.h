// What the records of a trail say about a period, counted in one pass in bounded memory. Facts of
// parts of a trail add up to those of the whole, in any order.
#pragma once

#include "keyward/report/tally.h"
#include "keyward/trail/record.h"

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace keyward::report {

// Microseconds since 1970, UTC; `to_us` is the first moment behind it.
struct Period {
  std::uint64_t from_us = 0, to_us = 0;
  [[nodiscard]] bool holds(std::uint64_t us) const { return us >= from_us && us < to_us; }
};

// The moments at which access changed: policies that came into force and revocations, sorted. What
// somebody did is kept per interval between two of them, so that "after this one" can be answered.
struct Marks {
  std::vector<std::uint64_t> at_us;  // at most kMost, the earliest
  bool cut = false;
  static constexpr std::size_t kMost = 2000;
  // How many of them are at or before `us`.
  [[nodiscard]] std::uint32_t interval(std::uint64_t us) const;
};

// With which groups and grants somebody came.
struct Role {
  std::vector<std::string> groups, grants;
  Uses seen;      // logins and session records
  Uses accepted;  // commands
};

struct Person {
  std::string name, issuer;
  Uses logins, accepted, changes, refused, errors;  // in the period
  std::uint64_t first_us = 0;             // the first login or command, also before the period
  std::uint64_t before_us = 0;            // the last accepted command before the period
  std::map<std::string, Role> roles;      // at most kMostRoles
  std::map<std::uint32_t, Uses> between;  // accepted, by interval of the marks
  std::map<std::string, Uses, std::less<>> grants;  // accepted, by the grant that allowed it
  std::set<std::string, std::less<>> sources;       // addresses, at most kMostSources
  bool cut = false;                                 // one of them was full
  static constexpr std::size_t kMostRoles = 32, kMostSources = 16, kMostGrants = 256;
  void add(const Person& other);
  // Of [from, to), which are marks or the end of the period.
  [[nodiscard]] Uses accepted_between(const Marks& marks, std::uint64_t from_us,
                                      std::uint64_t to_us) const;
};

struct GrantUse {
  Uses accepted;
  std::uint64_t before_us = 0;                // last used before the period
  std::set<std::string, std::less<>> people;  // at most kMostPeople
  static constexpr std::size_t kMostPeople = 1000;
  void add(const GrantUse& other);
};

// A record of the rare kinds, kept whole.
struct Happening {
  std::uint64_t time_us = 0, sequence = 0;
  std::string instance, stream, kind;
  trail::Outcome outcome = trail::Outcome::ok;
  std::string principal, grant, account, reason, detail, by, id, source, command;
  std::uint64_t lost = 0;    // of a gap: records that were shed
  std::string previous_end;  // of a start: how the run before ended; empty = there was none
  std::uint64_t torn = 0;    // of a start: bytes of the line that a crash cut
  [[nodiscard]] bool operator<(const Happening& other) const;
};

// The earliest of a kind; how many there were.
struct Happenings {
  std::set<Happening> kept;
  std::uint64_t count = 0;
  static constexpr std::size_t kMost = 20'000;
  void add(Happening one);
  void add(const Happenings& others);
};

// What is counted per step of time.
enum class Flow : std::uint8_t { accepted, refused, logins, login_refused };
inline constexpr std::size_t kFlows = 4;

struct Facts {
  std::uint64_t records = 0;                // in the period
  std::uint64_t before = 0, after = 0;      // outside of it
  std::uint64_t first_us = 0, last_us = 0;  // of those in it
  std::uint64_t step_us = 0;                // width of a step of time
  std::map<std::string, std::uint64_t, std::less<>> kinds;
  std::map<std::string, std::uint64_t, std::less<>> outcomes;  // of commands
  std::uint64_t would_deny = 0, names_cut = 0, names_not_utf8 = 0, checkpoints = 0;
  std::map<std::string, Person, std::less<>> people;  // at most kMostPeople
  std::uint64_t people_left_out = 0;                  // their records
  std::map<std::string, GrantUse, std::less<>> grants;
  Tally rules;                                    // grant, file:line
  Tally reasons, refused_people, refused_grants;  // of refusals
  Tally refusals;                                 // principal, reason, command
  Tally login_reasons, login_sources;             // of refused logins
  Tally channels_in;                              // listener, TLS version, cipher of logins
  Tally sources, libraries, nodes, leases, endings, would, scripts, signers, admin_calls;
  // Who caused events of triggers: trigger, principal; and what was refused: what, who, reason.
  Tally attested, unattested;
  Tally handed_over;  // scripts and libraries: digest, what it is, principal, grant, rule
  std::map<std::uint64_t, std::array<std::uint64_t, kFlows>> flow;             // by step
  std::map<std::string, std::map<std::uint64_t, std::uint64_t>> refusal_flow;  // reason, step
  std::map<std::string, Happenings, std::less<>> happenings;                   // by kind
  static constexpr std::size_t kMostPeople = 100'000, kMostGrants = 20'000;

  void add(Facts&& other);
  [[nodiscard]] const Happenings& of(std::string_view kind) const;
};

// Tallies and maps of several names: joined by this.
inline constexpr char kBetween = '\x1f';

// Watches records one after the other; one for a thread.
class Observer {
 public:
  Observer(Period period, std::shared_ptr<const Marks> marks, std::uint64_t step_us);
  void observe(const trail::Record& record);
  [[nodiscard]] Facts take() { return std::move(facts_); }

 private:
  void of_earlier(const trail::Record& record);  // than the period
  void of_command(const trail::Record& record);
  void of_refusal(const trail::Record& record);
  void of_login(const trail::Record& record);
  void of_session(const trail::Record& record);
  void keep(const trail::Record& record);
  void count(Flow flow, std::uint64_t us, std::uint64_t times = 1);
  // Null when there is no room.
  Person* person(std::string_view principal);
  Role* role(const trail::Record& record, Person& person);

  struct Known {
    Person* person = nullptr;
    Role* role = nullptr;
  };
  Known known(const trail::Record& record);

  Period period_;
  std::shared_ptr<const Marks> marks_;
  Facts facts_;
  std::unordered_map<std::uint64_t, Known> sessions_;  // by session_number
};

}  // namespace keyward::report
