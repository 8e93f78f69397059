#include "keyward/review/replay.h"

#include "review/key_shape.h"
#include "review/policy_text.h"

#include <boost/json/array.hpp>

#include <algorithm>
#include <map>
#include <tuple>

namespace keyward::review {
namespace {

namespace json = boost::json;

constexpr std::size_t kMostGroups = 5000;
constexpr std::size_t kShownGroups = 20;

using Key = std::tuple<std::string, std::string, std::string, std::string, std::string>;
using Groups = std::map<Key, ReplayGroup>;

std::string pattern_of_first(const Record& record) {
  if (!record.keys.empty()) return pattern_of(shape_of(record.keys.front(), {}));
  if (!record.channels.empty()) return pattern_of(shape_of(record.channels.front(), {}));
  return {};
}

std::vector<ReplayGroup> by_count(const Groups& groups) {
  std::vector<ReplayGroup> out;
  for (const auto& [key, group] : groups) out.push_back(group);
  std::stable_sort(out.begin(), out.end(),
                   [](const auto& a, const auto& b) { return a.count > b.count; });
  return out;
}

void group_lines(std::string_view title, const std::vector<ReplayGroup>& groups, std::string& out) {
  if (groups.empty()) return;
  out += "\n" + std::string(title) + "\n";
  for (std::size_t i = 0; i < groups.size() && i < kShownGroups; ++i) {
    const ReplayGroup& one = groups[i];
    out += "  " + grouped(one.count) + " x " + one.command;
    if (!one.pattern.empty()) out += " on " + shown(one.pattern, 256);
    out += "  by " + shown(one.who, 256) + ", last " + moment_of(one.last_us) + "\n";
    out += "      such as: " + shown(one.example, 256) + "\n";
    if (!one.why.empty()) out += "      " + shown(one.why, 512) + "\n";
    if (!one.rule.empty() && one.why.empty()) out += "      rule: " + one.rule + "\n";
  }
  if (groups.size() > kShownGroups)
    out += "  and " + std::to_string(groups.size() - kShownGroups) + " more kinds\n";
}

json::array groups_json(const std::vector<ReplayGroup>& groups) {
  json::array out;
  for (const ReplayGroup& one : groups) {
    out.push_back(json::object{{"who", one.who},
                               {"command", one.command},
                               {"pattern", shown(one.pattern, 512)},
                               {"reason", one.reason},
                               {"rule", one.rule},
                               {"example", one.example},
                               {"why", one.why},
                               {"count", one.count},
                               {"last", moment_of(one.last_us)}});
  }
  return out;
}

}  // namespace

struct Replay::State {
  Judge judge;
  ReplayReport report;
  Groups refused, allowed, unjudged;

  explicit State(std::shared_ptr<const policy::Snapshot> snapshot) : judge(std::move(snapshot)) {}

  void group(Groups& groups, const Record& record, const Verdict& verdict) {
    const std::string reason = verdict.denial ? std::string(policy::name(*verdict.denial))
                               : verdict.kind == Verdict::Kind::unknown
                                   ? verdict.why
                                   : std::string(record.reason);
    const std::string rule =
        verdict.rule == nullptr ? "" : verdict.rule->grant + ", " + verdict.rule->text();
    Key key{people_of(*record.actor), std::string(record.command), pattern_of_first(record), reason,
            rule};
    const auto found = groups.find(key);
    if (found == groups.end() && groups.size() >= kMostGroups) {
      ++report.ungrouped;
      return;
    }
    ReplayGroup& group = found == groups.end() ? groups[key] : found->second;
    if (group.count++ == 0) {
      group.who = std::get<0>(key);
      group.command = std::get<1>(key);
      group.pattern = std::get<2>(key);
      group.reason = reason;
      group.rule = rule;
      group.example = record.query;
      group.why = verdict.why;
    }
    group.last_us = std::max(group.last_us, record.time_us);
  }
};

Replay::Replay(std::shared_ptr<const policy::Snapshot> snapshot)
    : state_(std::make_unique<State>(std::move(snapshot))) {}
Replay::Replay(Replay&&) noexcept = default;
Replay::~Replay() = default;

void Replay::add(const Record& record) {
  State& state = *state_;
  ReplayReport& report = state.report;
  const bool accepted = record.accepted();
  ++(accepted ? report.commands : report.denials);
  const Verdict verdict = state.judge.judge(record);
  switch (verdict.kind) {
    case Verdict::Kind::unknown:
      ++report.unjudged;
      return state.group(state.unjudged, record, verdict);
    case Verdict::Kind::observe:
      ++report.observed;
      return;
    case Verdict::Kind::allow:
      if (accepted) {
        ++report.allowed;
        return;
      }
      ++report.newly_allowed;
      return state.group(state.allowed, record, verdict);
    case Verdict::Kind::deny:
      if (!accepted) {
        ++report.refused;
        return;
      }
      ++report.newly_refused;
      return state.group(state.refused, record, verdict);
  }
}

ReplayReport Replay::finish() const {
  ReplayReport out = state_->report;
  out.refused_groups = by_count(state_->refused);
  out.allowed_groups = by_count(state_->allowed);
  out.unjudged_groups = by_count(state_->unjudged);
  return out;
}

std::string people_of(const Actor& actor) {
  if (actor.groups.empty()) return actor.principal;
  std::string out = actor.issuer + " groups ";
  for (std::size_t i = 0; i < actor.groups.size() && i < 8; ++i)
    out += (i > 0 ? "," : "") + actor.groups[i];
  return out;
}

std::string replay_text(const ReplayReport& report, const TrailCounts& counts) {
  std::string out = grouped(report.commands) + " accepted commands and " + grouped(report.denials) +
                    " refusals, " + span_of(counts) + "\n";
  out += "  " + grouped(report.allowed) + " would pass as before\n";
  if (report.observed > 0)
    out += "  " + grouped(report.observed) + " would pass only because a grant observes\n";
  out += "  " + grouped(report.newly_refused) + " would now be REFUSED\n";
  out += "  " + grouped(report.newly_allowed) + " that were refused would now pass\n";
  out += "  " + grouped(report.refused) + " would be refused as before\n";
  if (report.unjudged > 0) out += "  " + grouped(report.unjudged) + " cannot be judged\n";
  if (counts.unreadable > 0)
    out += "  " + grouped(counts.unreadable) + " lines could not be read\n";
  if (counts.unjoined > 0)
    out += "  " + grouped(counts.unjoined) + " records of nobody known were left out\n";
  group_lines("Newly refused:", report.refused_groups, out);
  group_lines("Newly allowed:", report.allowed_groups, out);
  group_lines("Cannot be judged:", report.unjudged_groups, out);
  return out;
}

json::object counts_json(const TrailCounts& counts) {
  return {{"lines", counts.lines},
          {"commands", counts.commands},
          {"denials", counts.denials},
          {"unreadable", counts.unreadable},
          {"unjoined", counts.unjoined},
          {"first",
           counts.last_us == 0 ? json::value(nullptr) : json::value(moment_of(counts.first_us))},
          {"last",
           counts.last_us == 0 ? json::value(nullptr) : json::value(moment_of(counts.last_us))}};
}

json::object replay_json(const ReplayReport& report, const TrailCounts& counts) {
  return {{"ok", report.holds()},
          {"trail", counts_json(counts)},
          {"commands", report.commands},
          {"denials", report.denials},
          {"allowed", report.allowed},
          {"observed", report.observed},
          {"refused", report.refused},
          {"newly_refused", report.newly_refused},
          {"newly_allowed", report.newly_allowed},
          {"unjudged", report.unjudged},
          {"ungrouped", report.ungrouped},
          {"newly_refused_groups", groups_json(report.refused_groups)},
          {"newly_allowed_groups", groups_json(report.allowed_groups)},
          {"unjudged_groups", groups_json(report.unjudged_groups)}};
}

}  // namespace keyward::review
