#include "keyward/report/compose.h"

#include "report/sections.h"

#include <fmt/format.h>

namespace keyward::report {
namespace {

std::string moment(std::uint64_t us) { return shown(moment_cell(us)); }

std::vector<Figure> about(const Input& input) {
  const ReadTrail& read = input.read;
  std::set<std::string> instances;
  for (const audit::StreamReport& one : input.verified.streams) instances.insert(one.instance);
  std::string names;
  for (const std::string& one : instances) names += (names.empty() ? "" : ", ") + one;
  std::vector<Figure> out;
  out.push_back({"Period", moment(read.period.from_us) + " to " + moment(read.period.to_us) +
                               " UTC, the end not included" +
                               (input.asked_from ? "" : "; from the beginning of the trail")});
  out.push_back({"Trail", input.trail + (names.empty() ? "" : ", instances " + names)});
  out.push_back(
      {"Records", read.facts.records == 0
                      ? "none in the period"
                      : fmt::format("{} in the period, the first at {}, the last at {} UTC",
                                    shown(count_cell(read.facts.records)),
                                    moment(read.facts.first_us), moment(read.facts.last_us))});
  if (!input.policy) {
    out.push_back({"Policy", "not given: what follows says what was used, not what could be"});
  } else {
    const PolicyView& policy = *input.policy;
    out.push_back({"Policy", "version " + policy.version +
                                 (policy.commit.empty() ? "" : ", commit " + policy.commit) + ", " +
                                 counted(policy.grants.size(), "grant", "grants") +
                                 (input.git ? "; changes read from git" : "")});
  }
  out.push_back({"Time zone", "UTC"});
  out.push_back({"Made by", "Keyward " KEYWARD_VERSION});
  return out;
}

// The policy that is given should be the one that was in force at the end.
void compare_policy(const Input& input, Findings& findings) {
  if (!input.policy) return;
  const Happening* newest = nullptr;
  for (const Happening& load : input.read.facts.of("policy_loaded").kept) {
    if (load.outcome == trail::Outcome::ok) newest = &load;
  }
  if (newest == nullptr || newest->detail.starts_with(input.policy->version)) return;
  findings.push_back(
      "The policy folder given is not the one that was in force at the end of the "
      "period (" +
      newest->detail.substr(0, newest->detail.find(' ')) + ").");
}

}  // namespace

Document compose(const Input& input) {
  Document out;
  out.title = "Access to Redis: audit report";
  out.subtitle = moment(input.read.period.from_us).substr(0, 10) + " to " +
                 moment(input.read.period.to_us).substr(0, 10);
  out.about = about(input);
  if (input.read.facts.records == 0)
    out.findings.push_back(
        "There is no record in this period: nothing can be concluded but that "
        "nothing was recorded.");
  compare_policy(input, out.findings);
  for (const auto section :
       {logical_access, joining_and_leaving, least_privilege, boundary, transmission, scripts,
        configuration, monitoring, response, changes, completeness, confidentiality})
    out.sections.push_back(section(input, out.findings));
  return out;
}

}  // namespace keyward::report
