// Would the traffic of a trail pass another policy folder?
#pragma once

#include "keyward/review/judge.h"
#include "keyward/review/trail.h"

#include <boost/json/object.hpp>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace keyward::review {

// Commands of alike people that change for the same reason.
struct ReplayGroup {
  std::string who;      // "okta groups airflow-workers", or "okta:alice"
  std::string command;  // "get"
  std::string pattern;  // of its first key or channel; may be empty
  std::string reason;   // "key", "command" ...
  std::string rule;     // the nearest, or the one that allows it now; may be empty
  std::string example;  // "GET team:k"
  std::string why;
  std::uint64_t count = 0, last_us = 0;
};

struct ReplayReport {
  std::uint64_t commands = 0, denials = 0;
  std::uint64_t allowed = 0;        // accepted then and now
  std::uint64_t observed = 0;       // accepted only because a grant observes, now
  std::uint64_t refused = 0;        // refused then and now
  std::uint64_t newly_refused = 0;  // accepted then
  std::uint64_t newly_allowed = 0;  // refused then
  std::uint64_t unjudged = 0;
  std::vector<ReplayGroup> refused_groups, allowed_groups, unjudged_groups;  // most first
  std::uint64_t ungrouped = 0;  // changes beyond the groups that are kept
  [[nodiscard]] bool holds() const { return newly_refused == 0; }
};

class Replay {
 public:
  explicit Replay(std::shared_ptr<const policy::Snapshot> snapshot);
  Replay(Replay&&) noexcept;
  ~Replay();
  void add(const Record& record);
  [[nodiscard]] ReplayReport finish() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

[[nodiscard]] std::string replay_text(const ReplayReport& report, const TrailCounts& counts);
[[nodiscard]] boost::json::object replay_json(const ReplayReport& report,
                                              const TrailCounts& counts);
// What the reader came across: {"lines", "unreadable", ...}.
[[nodiscard]] boost::json::object counts_json(const TrailCounts& counts);
// "okta groups a,b" of somebody with groups, else the principal.
[[nodiscard]] std::string people_of(const Actor& actor);

}  // namespace keyward::review
